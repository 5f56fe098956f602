-- Sends ready-made requests: wrk -s requests.lua URL -- PREFIX [again] reads PREFIX.0, PREFIX.1, … one file a thread,
-- in which each request follows a line with its length. With "again" a file is sent over and over. Otherwise each
-- request is sent once, and what is sent after the last one is refused, so that the run is seen to have outlasted them.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local function following()
    local length = file:read("*l")
    return length and file:read(tonumber(length))
end

local function once()
    return following() or wrk.format("POST", wrk.path, {["Content-Length"] = "0"}, "")
end

local function again()
    sent = sent % #all + 1
    return all[sent]
end

function init(args)
    file = assert(io.open(args[1] .. "." .. number, "rb"))
    request = once
    if args[2] == "again" then
        all, sent = {}, 0
        for one in following do
            all[#all + 1] = one
        end
        request = again
    end
end
