-- http-request lua.saas_verify URL: asks a SaasVerify section (haproxy) whether the request may pass. Whoever may goes
-- on with the identity headers; everybody else gets what mod_saas has answered. Without an answer nobody passes.

local identity = { "x-saas-user", "x-saas-email", "x-saas-organization", "x-saas-role", "x-saas-subscription" }

-- What belongs to the connection or the body of the request that is asked about.
local left_out = {
    ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true, ["te"] = true,
    ["keep-alive"] = true, ["proxy-connection"] = true, ["host"] = true,
}

local function list_of(values)
    local list = {}
    for i = 0, #values do
        if values[i] ~= nil then
            list[#list + 1] = values[i]
        end
    end
    return list
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply()
    reply:set_status(status)
    for name, values in pairs(headers) do
        if not left_out[name] then
            for _, value in pairs(values) do
                reply:add_header(name, value)
            end
        end
    end
    reply:set_body(body)
    txn:done(reply)
end

core.register_action("saas_verify", { "http-req" }, function(txn, url)
    local sent, ask = txn.http:req_get_headers(), {}
    for name, values in pairs(sent) do
        if not left_out[name] and name:sub(1, 7) ~= "x-saas-" then
            ask[name] = list_of(values)
        end
    end
    ask["x-original-method"] = { txn.sf:method() }
    ask["x-original-uri"] = { txn.sf:pathq() }
    ask["x-forwarded-host"] = { txn.sf:req_hdr("host") }
    ask["x-forwarded-proto"] = { txn.sf:ssl_fc() == "1" and "https" or "http" }

    local reply = core.httpclient():get { url = url, headers = ask, timeout = 5000 }
    for name in pairs(sent) do
        if name:gsub("_", "-"):sub(1, 7) == "x-saas-" then
            txn.http:req_del_header(name)
        end
    end
    if not reply or not reply.status or reply.status == 0 then
        refuse(txn, 503, { ["retry-after"] = { "5" } }, "")
    elseif reply.status ~= 200 then
        refuse(txn, reply.status, reply.headers, reply.body)
    else
        for _, name in ipairs(identity) do
            local values = reply.headers[name]
            if values then
                txn.http:req_set_header(name, list_of(values)[1])
            end
        end
    end
end, 1)
