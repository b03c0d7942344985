-- Three-line orders for wrk: each with a key of its own, over PRODUCTS products named p-1, p-2, …; of a single product,
-- orders of one line.
--   wrk … -s orders.lua URL -- API_KEY PRODUCTS RUN [METHOD]
local counter = 0

function setup(thread)
    thread:set("number", counter)
    counter = counter + 1
end

function init(args)
    products = tonumber(args[2])
    prefix = args[3] .. "-" .. number .. "-"
    math.randomseed(number * 7919 + 17)
    sent = 0
    method = args[4] and (',"paymentMethod":"' .. args[4] .. '"') or ""
    head = "POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. args[1]
        .. "\r\nContent-Type: application/json\r\nIdempotency-Key: " .. prefix
end

function items()
    if products == 1 then return '{"sku":"p-1","quantity":1}' end
    local first = math.random(products - 2)
    return '{"sku":"p-' .. first .. '","quantity":1},{"sku":"p-' .. (first + 1) .. '","quantity":2},{"sku":"p-'
        .. (first + 2) .. '","quantity":3}'
end

function request()
    sent = sent + 1
    local body = '{"items":[' .. items() .. ']' .. method .. '}'
    return head .. sent .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format(
        '{"requests":%d,"refused":%d,"failed":%d,"seconds":%.6f,"p50":%.3f,"p90":%.3f,"p99":%.3f,"p999":%.3f,"max":%.3f}\n',
        summary.requests, summary.errors.status, failed, summary.duration / 1e6,
        latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000,
        latency:percentile(99.9) / 1000, latency.max / 1000))
end
