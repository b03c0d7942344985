/// The decisions of ``LimiterMachine`` as a script for Redis 5 or newer, Valkey included: one script, one call, for all
/// operations and all limits of a decision. Redis runs it alone, so that all limits are charged or none.
///
/// It counts in microseconds of the server's own clock. Redis' numbers are doubles: the limits' numbers are chosen so
/// that every value stays below 2^53 and every division is exact (see ``LimitParameters``).
///
/// **KEYS**: one for each check, `prefix{tenant}:limit:subject`; the braces put a tenant's keys into one slot of a
/// cluster.
///
/// **ARGV**: version (`1`), operation (`c` consume, `k` peek, `p` penalty, `r` reward, `b` block, `x` reset),
/// microseconds of `b`'s block, `now` in microseconds for tests or an empty text for the server's clock; then for each
/// check: kind (1 token bucket, 2 sliding window, 3 fixed window), capacity, unit, rate, microseconds that a refused
/// key is blocked for, flags (1 attempts count, 2 shadow), what becomes of usage when the numbers change (0 keep, 1
/// scale, 2 reset), cost, upTo, adjustment.
///
/// **Value of a key**: `kind:stamp:used:second:rate:capacity:blockedUntil`, as ``RateLimitState`` has them, with `-`
/// for not blocked. It expires when it says nothing any more; with a `now` of its own, a minute later.
///
/// **Reply**: integers. Version, `now`; then for each check: outcome (0 allowed, 1 refused, 2 blocked, 3 never),
/// granted, remaining, and in microseconds wait, next and recovery, as ``LimitReading`` has them.
public enum RateLimitScript {
    /// The version of arguments and reply.
    public static let version: Int64 = 1
    /// How many arguments stand before those of the checks.
    static let headCount = 4
    /// How many arguments a check has.
    static let fieldCount = 10
    /// How many integers of the reply a check has.
    static let readingCount = 6

    /// The script's text.
    public static let text = algorithms + common + decision

    /// What the three algorithms do: age, available, charge, refund, wait, recovery, tokens in use.
    private static let algorithms = #"""
        local STEPS = 1000
        local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max

        local function windowCharge(s, tokens) s.used = min(2 * s.capacity, s.used + min(tokens, 2 * s.capacity)) end
        local function windowRefund(s, tokens) s.used = max(0, s.used - tokens) end

        local bucket = {
          age = function(s, now)
            if now <= s.stamp then return end
            local drained = (now - s.stamp) * s.rate
            if drained >= s.used then s.used = 0 else s.used = s.used - drained end
            s.stamp = now
          end,
          available = function(s)
            local free = s.capacity * s.second - s.used
            if free > 0 then return floor(free / s.second) end
            return 0
          end,
          charge = function(s, tokens)
            s.used = min(2 * s.capacity * s.second, s.used + min(tokens, 2 * s.capacity) * s.second)
          end,
          refund = function(s, tokens) s.used = max(0, s.used - min(tokens, 2 * s.capacity) * s.second) end,
          wait = function(s, cost, now)
            local excess = s.used - (s.capacity - cost) * s.second
            if excess <= 0 then return 0 end
            return max(0, s.stamp - now) + ceil(excess / s.rate)
          end,
          recovery = function(s, now)
            if s.used == 0 then return 0 end
            return max(0, s.stamp - now) + ceil(s.used / s.rate)
          end,
          inUse = function(s) return ceil(s.used / s.second) end,
        }

        local function step(s) return ceil(s.rate / STEPS) end
        local function carried(s, now)
          if s.second == 0 then return 0 end
          local rest = s.rate - max(0, now - s.stamp)
          return ceil(s.second * ceil(rest / step(s)) / STEPS)
        end
        local function fading(s, previous, room)
          if previous <= room then return 0 end
          return max(0, s.rate - floor(room * STEPS / previous) * step(s))
        end
        local sliding = {
          age = function(s, now)
            local elapsed = now - s.stamp
            if elapsed < s.rate then
              if elapsed > 0 and s.used == 0 and s.second == 0 then s.stamp = now end
            elseif elapsed - s.rate >= s.rate then
              s.second, s.used, s.stamp = 0, 0, now
            else
              s.second, s.used, s.stamp = s.used, 0, s.stamp + s.rate
            end
          end,
          available = function(s, now) return max(0, s.capacity - s.used - carried(s, now)) end,
          charge = windowCharge,
          refund = windowRefund,
          wait = function(s, cost, now)
            if s.used + carried(s, now) + cost <= s.capacity then return 0 end
            local room = s.capacity - s.used - cost
            if room >= 0 then return max(0, fading(s, s.second, room) + s.stamp - now) end
            return max(0, s.rate + fading(s, s.used, s.capacity - cost) + s.stamp - now)
          end,
          recovery = function(s, now)
            local windows = 0
            if s.used > 0 then windows = 2 elseif s.second > 0 then windows = 1 end
            if windows == 0 then return 0 end
            return max(0, s.rate * windows + s.stamp - now)
          end,
          inUse = function(s, now) return s.used + carried(s, now) end,
        }

        local function windowEnd(s, now)
          if s.used == 0 then return 0 end
          return max(0, s.stamp + s.rate - now)
        end
        local fixed = {
          age = function(s, now)
            if now > s.stamp and (s.used == 0 or now - s.stamp >= s.rate) then s.used, s.stamp = 0, now end
          end,
          available = function(s) return max(0, s.capacity - s.used) end,
          charge = windowCharge,
          refund = windowRefund,
          wait = function(s, cost, now)
            if s.used + cost <= s.capacity then return 0 end
            return windowEnd(s, now)
          end,
          recovery = windowEnd,
          inUse = function(s) return s.used end,
        }

        """#

    /// What `LimiterMachine` does for all of them.
    private static let common = #"""
        local TOLERANCE = 1000000
        local algorithms = { bucket, sliding, fixed }
        local function algorithm(s) return algorithms[s.kind] end

        local function fresh(limit, now)
          local s = { kind = limit.kind, stamp = now, used = 0, second = 0, rate = limit.rate,
                      capacity = limit.capacity }
          if limit.kind == 1 then s.second = limit.unit end
          return s
        end

        local function read(text)
          if not text then return nil end
          local k, stamp, used, second, rate, capacity, blocked =
            string.match(text, '^(%d):(%-?%d+):(%d+):(%d+):(%d+):(%d+):(%-?%d*)$')
          if not k then return nil end
          return { kind = tonumber(k), stamp = tonumber(stamp), used = tonumber(used), second = tonumber(second),
                   rate = tonumber(rate), capacity = tonumber(capacity), blocked = tonumber(blocked) }
        end

        local function write(s)
          local blocked = '-'
          if s.blocked then blocked = string.format('%.0f', s.blocked) end
          return string.format('%d:%.0f:%.0f:%.0f:%.0f:%.0f:%s', s.kind, s.stamp, s.used, s.second, s.rate,
                               s.capacity, blocked)
        end

        local function scaled(value, numerator, denominator)
          return floor(value * numerator / denominator + 0.5)
        end

        local function carryOver(s, limit, now)
          algorithm(s).age(s, now)
          if limit.onChange == 2 then return fresh(limit, now) end
          local scales = limit.onChange == 1
          if s.kind ~= limit.kind then
            local tokens = algorithm(s).inUse(s, now)
            local changed = fresh(limit, now)
            changed.blocked = s.blocked
            if scales then tokens = scaled(tokens, limit.capacity, s.capacity) end
            algorithm(changed).charge(changed, tokens)
            return changed
          end
          local old = s.capacity
          if limit.kind == 1 then
            local full = limit.capacity * limit.unit
            if scales then
              s.used = ceil(s.used * full / (old * s.second))
            else
              s.used = ceil(s.used * limit.unit / s.second)
            end
            s.used, s.second = min(s.used, 2 * full), limit.unit
          else
            if scales then
              s.used, s.second = scaled(s.used, limit.capacity, old), scaled(s.second, limit.capacity, old)
            end
            s.used, s.second = min(s.used, 2 * limit.capacity), min(s.second, 2 * limit.capacity)
          end
          s.capacity, s.rate = limit.capacity, limit.rate
          return s
        end

        local function isCountedBy(s, limit)
          return s.kind == limit.kind and s.capacity == limit.capacity and s.rate == limit.rate
            and (limit.kind ~= 1 or s.second == limit.unit)
        end

        local function prepare(s, limit, now)
          if not s then return fresh(limit, now), false end
          local keep = false
          local ahead = s.stamp - now
          if ahead > TOLERANCE then
            s.stamp = now
            if s.blocked then s.blocked = s.blocked - ahead end
            keep = true
          end
          if not isCountedBy(s, limit) then
            s = carryOver(s, limit, now)
            keep = true
          end
          algorithm(s).age(s, now)
          if s.blocked and s.blocked <= now then s.blocked = nil end
          return s, keep
        end

        local function reading(s, limit, outcome, now)
          local a = algorithm(s)
          local free = a.available(s, now)
          local r = { outcome = outcome, granted = 0, remaining = free, wait = 0, next = 0 }
          if free < limit.capacity then r.next = a.wait(s, free + 1, now) end
          r.recovery = a.recovery(s, now)
          if s.blocked then
            local left = s.blocked - now
            r.remaining, r.next, r.recovery = 0, max(left, r.next), max(left, r.recovery)
          end
          return r
        end

        local function judge(s, limit, cost, upTo, now)
          if cost > limit.capacity then return reading(s, limit, 3, now) end
          local a = algorithm(s)
          local r
          if s.blocked then
            r = reading(s, limit, 2, now)
            r.wait = max(s.blocked - now, a.wait(s, cost, now))
            return r
          end
          local free = a.available(s, now)
          if cost > free then
            r = reading(s, limit, 1, now)
            r.wait = a.wait(s, cost, now)
            return r
          end
          r = { outcome = 0, granted = cost }
          if upTo > cost then r.granted = cost + min(upTo - cost, floor((free - cost) / 2)) end
          return r
        end

        local function refuse(s, limit, r, cost, now)
          if r.outcome > 1 then return r, false end
          if limit.countsAttempts then algorithm(s).charge(s, cost) end
          local refused = r.outcome == 1
          if refused and limit.block > 0 then
            s.blocked = now + limit.block
            if limit.kind == 3 then s.used, s.stamp = 0, now end
          end
          r = reading(s, limit, r.outcome, now)
          if refused then
            r.wait = algorithm(s).wait(s, cost, now)
            if s.blocked then r.wait = max(s.blocked - now, r.wait) end
          end
          return r, limit.countsAttempts or (refused and limit.block > 0)
        end

        local function adjust(s, tokens)
          if tokens > 0 then algorithm(s).charge(s, tokens) end
          if tokens < 0 then algorithm(s).refund(s, -tokens) end
        end

        """#

    /// One decision.
    private static let decision = #"""
        if ARGV[1] ~= '1' then return redis.error_reply('ERR this script has version 1') end
        local operation, blockFor = ARGV[2], tonumber(ARGV[3])
        local now, margin
        if ARGV[4] == '' then
          local time = redis.call('TIME')
          now, margin = tonumber(time[1]) * 1000000 + tonumber(time[2]), 0
        else
          now, margin = tonumber(ARGV[4]), 60000
        end

        local checks, admitted = {}, true
        for i = 1, #KEYS do
          local n = 4 + (i - 1) * 10
          local flags = tonumber(ARGV[n + 6])
          local limit = { kind = tonumber(ARGV[n + 1]), capacity = tonumber(ARGV[n + 2]), unit = tonumber(ARGV[n + 3]),
                          rate = tonumber(ARGV[n + 4]), block = tonumber(ARGV[n + 5]),
                          countsAttempts = flags % 2 == 1, shadow = flags >= 2, onChange = tonumber(ARGV[n + 7]) }
          local c = { limit = limit, cost = tonumber(ARGV[n + 8]), upTo = tonumber(ARGV[n + 9]) }
          local adjustment = tonumber(ARGV[n + 10])
          c.text = redis.call('GET', KEYS[i])
          c.state, c.keep = prepare(read(c.text), limit, now)
          if operation == 'k' then c.keep = false end
          if adjustment ~= 0 then
            adjust(c.state, adjustment)
            c.keep = true
          end
          if operation == 'c' then
            c.reading = judge(c.state, limit, c.cost, c.upTo, now)
            if c.reading.outcome > 0 and not limit.shadow then admitted = false end
          end
          checks[i] = c
        end

        local reply = { 1, now }
        for i = 1, #KEYS do
          local c = checks[i]
          local s, limit, cost = c.state, c.limit, c.cost
          local keep = c.keep
          if operation == 'c' then
            local charged = admitted
            if limit.shadow then charged = c.reading.outcome == 0 end
            if charged then
              algorithm(s).charge(s, c.reading.granted)
              local granted = c.reading.granted
              c.reading = reading(s, limit, 0, now)
              c.reading.granted = granted
              keep = true
            else
              local kept
              c.reading, kept = refuse(s, limit, c.reading, cost, now)
              keep = keep or kept
            end
          else
            if operation == 'p' then adjust(s, cost)
            elseif operation == 'r' then adjust(s, -cost)
            elseif operation == 'b' then
              if blockFor > 0 then s.blocked = max(s.blocked or now, now + blockFor) end
            elseif operation == 'x' then s = fresh(limit, now) end
            keep = keep or operation ~= 'k'
            local asked = 1
            if operation == 'k' then asked = cost end
            local judged = judge(s, limit, asked, asked, now)
            c.reading = reading(s, limit, judged.outcome, now)
            c.reading.wait = judged.wait or 0
          end
          if keep then
            local left = algorithm(s).recovery(s, now)
            if s.blocked then left = max(left, s.blocked - now) end
            if left > 0 then
              redis.call('SET', KEYS[i], write(s), 'PX', string.format('%.0f', ceil(left / 1000) + 1 + margin))
            elseif c.text then
              redis.call('DEL', KEYS[i])
            end
          end
          local r = c.reading
          for _, value in ipairs({ r.outcome, r.granted, r.remaining, r.wait, r.next, r.recovery }) do
            reply[#reply + 1] = value
          end
        end
        return reply
        """#
}
