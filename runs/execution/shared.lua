-- One exchange of one worker with what all workers under a (connection, model) share.
--
-- KEYS[1]: the shared state, packed. ARGV[1]: what happened at the worker since its last exchange
-- and what it wants (JSON; `runs/execution/shared_wire.py` names each field). Returns its grant
-- (JSON). All times are this server's. Before this text stands `local K = {…}`: the constants of
-- the rules in Python, which these rules follow.

local clock = redis.call("TIME")
local now = clock[1] + clock[2] / 1000000
local r = cjson.decode(ARGV[1])
local packed = redis.call("GET", KEYS[1])
local s = packed and cmsgpack.unpack(packed)
local told = {}

local function tell(reason)
  told[#told + 1] = reason
end

-- State and workers ------------------------------------------------------------------------

if not s then
  s = {
    most = r.most, limit = r.known and r.most or math.min(r.most, K.FIRST), known = r.known,
    before_cut = 0, cut_at = -1, not_before = 0, streak = 0,
    tokens = K.TOKENS, failures = 0, open_since = 0, probe_from = 0, probe_pause = K.FIRST_PROBE_S,
    prober = "", number = 0, learned_from = 0, rates = {0, 0}, buckets = {}, workers = {},
    settle_until = r.away and now + K.ENTRY_S or 0,
  }
end

local me = s.workers[r.worker] or {held = 0, demand = 0, asked_at = -1}
s.workers[r.worker] = me
me.seen = now
local alive = 0
for id, worker in pairs(s.workers) do
  if now - worker.seen > K.ENTRY_S then
    s.workers[id] = nil
  else
    alive = alive + 1
  end
end
if s.prober ~= "" and not s.workers[s.prober] then s.prober = "" end

-- After Redis was away, those who have not found back yet go on at their share: leave it to them.
local scale = 1
if now < s.settle_until then scale = math.min(1, alive / math.max(r.workers, 1)) end

-- Pace: buckets by what they count (1 calls, 2 tokens) and where the limit is from ----------

local function refill(b)
  if now > b.at then
    local gained = (now - b.at) * b.rate * scale
    b.level = math.min(b.level + gained, b.capacity)
    b.ceiling = math.min(b.ceiling + gained, b.capacity)
    b.at = now
  end
end

local function take(kind, amount)
  for _, b in pairs(s.buckets) do
    if b.kind == kind then
      b.level = math.min(b.level - amount, b.capacity)
      b.ceiling = math.min(b.ceiling - amount, b.capacity)
    end
  end
end

local function declare(kind, per_minute)
  if s.rates[kind] == per_minute then return end
  s.rates[kind] = per_minute
  local rate, name = per_minute / 60, "declared " .. kind
  if per_minute == 0 then
    s.buckets[name] = nil
  else
    local most = math.max(rate * K.BURST_S, 1)
    s.buckets[name] = {
      kind = kind, rate = rate, capacity = most, level = most, ceiling = most, at = now,
    }
  end
end

local function learn(kind, per_minute, left, since)
  local name = "learned " .. kind
  local b = s.buckets[name]
  if not b then
    b = {kind = kind, rate = 0, capacity = 1, level = 1, ceiling = 1, at = now}
    s.buckets[name] = b
  end
  local more = math.max(left - b.capacity, 0)
  b.rate, b.capacity, b.ceiling = per_minute / 60, b.capacity + more, b.ceiling + more
  local margin = math.min(b.rate * K.MARGIN_S, b.capacity * K.MARGIN_SHARE)
  b.level = math.min(left - margin + r.hint.ago * b.rate - since, b.ceiling)
end

for _, b in pairs(s.buckets) do refill(b) end
if r.declares or not packed then
  if r.most ~= s.most then
    s.limit = s.limit >= s.most and r.most or math.min(s.limit, r.most)
    s.most = r.most
  end
  declare(1, r.calls)
  declare(2, r.tokens)
end
s.number = s.number + r.unmetered - r.spare
take(1, r.unmetered - r.spare)
take(2, r.charged)
if r.hint and r.hint.number >= s.learned_from then
  s.learned_from = r.hint.number
  local since = s.number - r.hint.number
  if r.hint.calls then learn(1, r.hint.calls, r.hint.calls_left, since) end
  if r.hint.tokens then learn(2, r.hint.tokens, r.hint.tokens_left, since * r.per_call) end
end

-- Breaker, slots' limit and pause -----------------------------------------------------------

local function next_probe()
  s.probe_from = now + s.probe_pause
  s.probe_pause = math.min(s.probe_pause * 2, K.LONGEST_PROBE_S)
end

local held = 0
for _, worker in pairs(s.workers) do held = held + worker.held end
local was = math.floor(s.limit)

if r.succeeded > 0 then
  s.streak = 0
  s.tokens = math.min(s.tokens + r.succeeded * K.A_SUCCESS, K.TOKENS)
  s.failures = 0
  if s.open_since > 0 then
    s.tokens = math.max(s.tokens, K.HALF)
    s.open_since, s.prober, s.probe_pause = 0, "", K.FIRST_PROBE_S
    tell(K.ANSWERS_AGAIN)
  end
  if not s.known then
    s.known, s.limit = true, s.most
  elseif held >= was then
    for _ = 1, math.min(r.succeeded_full, K.MOST_STEPS) do
      local step = s.limit < K.FAST_UNTIL * s.before_cut and K.FAST_SHARE or 1 / s.limit
      s.limit = math.min(s.limit + step, s.most)
    end
  end
  if math.floor(s.limit) ~= was then tell(K.SUCCEEDS) end
end

if r.throttled then
  local is_cut = now - r.throttled.ago > s.cut_at
  if is_cut then
    s.before_cut, s.cut_at, s.known = s.limit, now, true
    s.limit = math.max(s.limit * K.CUT, 1)
    s.streak = s.streak + 1
  end
  local ceiling = math.min(K.FIRST_PAUSE_S * 2 ^ math.max(s.streak - 1, 0), K.LONGEST_PAUSE_S)
  local wait = r.throttled.wait > 0 and r.throttled.wait or ceiling * (0.5 + r.throttled.draw / 2)
  local was_shut_until = math.max(s.not_before, now)
  s.not_before = math.max(s.not_before, now + wait)
  if is_cut or s.not_before - was_shut_until > K.WORTH_TELLING_S then tell(K.THROTTLED) end
end
if r.pause > 0 then s.not_before = math.max(s.not_before, now + r.pause) end

if r.probe ~= "" and s.prober == r.worker then s.prober = "" end
if r.failed > 0 then
  s.tokens = math.max(s.tokens - r.failed, 0)
  s.failures = s.failures + r.failed_in_a_row
  if s.open_since == 0 then
    if s.tokens < K.HALF and s.failures >= K.IN_A_ROW then
      s.open_since = now
      next_probe()
      tell(K.SILENT)
    end
  elseif r.probe == "failed" then
    next_probe()
  end
end
if r.away and now - (s.back_at or 0) > K.ENTRY_S then
  s.back_at = now
  tell(K.BACK)
end

-- Slots: divided by demand, nobody with less than a fair part unless it wants less ----------

local limit = math.max(math.floor(s.limit * scale), 1)

local function fair_part()
  local ids = {}
  for id, worker in pairs(s.workers) do
    if worker.demand > 0 then ids[#ids + 1] = id end
  end
  table.sort(ids, function(a, b)
    local x, y = s.workers[a].demand, s.workers[b].demand
    return x < y or (x == y and a < b)
  end)
  local left = limit
  for i, id in ipairs(ids) do
    local n = #ids - i + 1
    local part = math.floor(left / n)
    local demand = s.workers[id].demand
    if demand > part then
      -- All from here on want more than there is; the odd slots go round.
      local place = 0
      for j = i, #ids do
        if ids[j] < r.worker then place = place + 1 end
      end
      local is_odd = (place + math.floor(now / K.TURN_S)) % n < left - part * n
      return part + (is_odd and 1 or 0)
    end
    if id == r.worker then return demand end
    left = left - demand
  end
  return 0
end

held = held - me.held + r.keep
me.demand = r.keep + r.want
local part = fair_part()
me.held = r.keep + math.max(math.min(r.want, part - r.keep, limit - held), 0)

-- Credits: the next places on the timeline of the rate, at most K.AHEAD_S ahead -------------

local pause = math.max(s.not_before - now, 0)
local is_open = s.open_since > 0
local may_probe = is_open and s.prober == "" and now >= s.probe_from and r.waiting > 0 and pause == 0
if may_probe then s.prober = r.worker end

if r.ask > 0 then me.asked_at = now end
local asking = 0
for _, worker in pairs(s.workers) do
  if now - worker.asked_at < K.LATELY_S then asking = asking + 1 end
end

local credits, again, paces, is_metered = r.ask, 0, {}, false
if is_open then credits = may_probe and 1 or 0 end
if pause > 0 then credits = 0 end
for _, b in pairs(s.buckets) do
  is_metered = true
  local cost = b.kind == 1 and 1 or r.per_call
  local rate = b.rate * scale
  local ahead = b.level + rate * K.AHEAD_S
  local share = cost > 0 and math.max(math.ceil(rate * K.AHEAD_S / cost / math.max(asking, 1)), 1) or 1
  local room = ahead < 1 and 0 or (cost > 0 and 1 + math.floor((ahead - 1) / cost) or 1)
  credits = math.min(credits, room, share)
  if ahead < 1 then
    -- Until there are as many as it may have: asking for each place alone would cost more.
    again = math.max(again, (1 + (math.min(share, r.ask) - 1) * cost - ahead) / rate)
  end
  paces[#paces + 1] = {b.level, rate, cost}
end
local number = s.number
if is_metered then
  s.number = s.number + credits
  take(1, credits)
  take(2, credits * r.per_call)
end

if r.keep == 0 and r.want == 0 and r.in_flight == 0 and r.waiting == 0 and r.ask == 0 then
  s.workers[r.worker] = nil
end
local keep_ms = math.ceil(math.max(K.FORGET_S, pause + 60) * 1000)
redis.call("SET", KEYS[1], cmsgpack.pack(s), "PX", keep_ms)

local reply = {
  limit = limit, slots = me.held, part = part, workers = alive,
  number = number, metered = is_metered, credits = credits, again = again,
  pause = pause, open = is_open and now - s.open_since or -1, retry_tokens = s.tokens,
  failures = s.failures, probe = may_probe, probe_in = math.max(s.probe_from - now, 0),
}
-- An empty table would be sent as an object.
if #paces > 0 then reply.paces = paces end
if #told > 0 then reply.told = told end
return cjson.encode(reply)
