-- Sends ready-made requests, each once: wrk -s requests.lua URL -- PREFIX reads PREFIX.0, PREFIX.1, … one file a
-- thread, in which each request follows a line with its length. Once a file has ended, every further request is one
-- that is refused, so that the run is seen to have outlasted its requests.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    file = assert(io.open(args[1] .. "." .. number, "rb"))
end

function request()
    local length = file:read("*l")
    if not length then
        return wrk.format("POST", wrk.path, {["Content-Length"] = "0"}, "")
    end
    return file:read(tonumber(length))
end
