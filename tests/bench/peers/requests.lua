-- Sends ready-made requests over and over: wrk -s requests.lua URL -- PREFIX reads PREFIX.0, PREFIX.1, … one file a
-- thread, in which each request follows a line with its length.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local file = assert(io.open(args[1] .. "." .. number, "rb"))
    all, sent = {}, 0
    for length in function() return file:read("*l") end do
        all[#all + 1] = file:read(tonumber(length))
    end
    file:close()
end

function request()
    sent = sent % #all + 1
    return all[sent]
end
