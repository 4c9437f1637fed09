-- Counts reports of one bucket of a trial: each device's window and everything that follows from
-- the report, together or not at all. layout.py says what the keys and the bytes are.
--
-- KEYS  the bucket's totals, then its shelves in ascending order, then the hours' sums
-- ARGV  sizes (how many metrics have a value), seconds to live, reports, number of shelves,
--       then the hours that KEYS ends with
-- Reports are sorted by shelf, device, boot and counter.
-- Returns {reports of the trial, reports of the preparation, duplicates, too late}.
--
-- Lua's numbers are doubles: every integer here stays below 2^53, and what is summed over more than
-- one call is summed by HINCRBY, in 64 bits. The identity of a report is (boot, counter), two
-- integers of 31 bits, and never a sequence number, whose 56 digits no double tells apart.

local sizes, ttl, reports = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local shelves = tonumber(ARGV[4])
local totals_key = KEYS[1]
local hour_keys = {}
for i = 5, #ARGV do
  hour_keys[tonumber(ARGV[i])] = KEYS[shelves + i - 3]
end

local unpack, pack, floor = struct.unpack, struct.pack, math.floor
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local call = redis.call

local PREPARATION, CANARY = 0, 1
local TRIAL, SWITCHED, BEHIND = 1, 48, 64
local SEEN = {16, 32}
local KNOWN = {2, 4, 8}
local HOURS = 4
local REPORT = '>BHc7I4I4BBi4H' .. string.rep('i4', sizes)
local BYTES = struct.size(REPORT)
local HEAD, TAIL = '>BI4I4I4I4', '>I4I4I4I4'
local PAST = '>' .. string.rep('Hi4', sizes)
local FROZEN = '>HH' .. string.rep('h', sizes)
local ARMS = {'c', 'b'}
local SUMS = {'n', 'y', 'k', 'p', 'ky', 'pp', 'py'}

local totals, sums = {}, {}
local latest = -1
local counted, prepared, duplicates, late = 0, 0, 0, 0

-- One device: what its record says.
local flags, boot, counter, high, low
local boot2, counter2, high2, low2           -- the boot before, while it may still be heard of
local hour, hours                            -- the latest hour, and four bits for each of four
local n, s, p = {}, {}, {}                   -- of the preparation; p of the trial

local function load(record)
  if not record then
    flags, boot, counter, high, low, boot2 = 0, -1, 0, 0, 0, nil
    for i = 1, sizes do n[i], s[i] = 0, 0 end
    return
  end
  local at
  flags, boot, counter, high, low, at = unpack(HEAD, record)
  if band(flags, TRIAL) == 0 then
    n[1], s[1], n[2], s[2], n[3], s[3] = unpack(PAST, record, at)
    at = at + 6 * sizes
  else
    hour, hours, p[1], p[2], p[3] = unpack(FROZEN, record, at)
    at = at + 4 + 2 * sizes
  end
  if band(flags, BEHIND) == 0 then
    boot2 = nil
  else
    boot2, counter2, high2, low2 = unpack(TAIL, record, at)
  end
end

local function saved()
  flags = band(flags, 63)
  local tail = ''
  if boot2 then
    flags = flags + BEHIND
    tail = pack(TAIL, boot2, counter2, high2, low2)
  end
  local head = pack(HEAD, flags, boot, counter, high, low)
  if band(flags, TRIAL) ~= 0 then
    return head .. pack(FROZEN, hour, hours, p[1], p[2], p[3]) .. tail
  end
  return head .. pack(PAST, n[1], s[1], n[2], s[2], n[3], s[3]) .. tail
end

-- A window of 64 counters that ends at the highest: 0 new, 1 seen before, 2 below it.
local function marked(highest, up, down, seen)
  local ahead = seen - highest
  if ahead > 0 then
    if ahead >= 64 then
      up, down = 0, 0
    elseif ahead >= 32 then
      up, down = lshift(down, ahead - 32), 0
    else
      up, down = bor(lshift(up, ahead), rshift(down, 32 - ahead)), lshift(down, ahead)
    end
    return 0, seen, up, bor(down, 1)
  end
  local behind = -ahead
  if behind >= 64 then return 2, highest, up, down end
  if behind >= 32 then
    local mark = lshift(1, behind - 32)
    if band(up, mark) ~= 0 then return 1, highest, up, down end
    return 0, highest, bor(up, mark), down
  end
  local mark = lshift(1, behind)
  if band(down, mark) ~= 0 then return 1, highest, up, down end
  return 0, highest, up, bor(down, mark)
end

local function accepted(its_boot, its_counter)
  local found
  if its_boot > boot then
    if boot >= 0 then
      boot2, counter2, high2, low2 = boot, counter, high, low
    end
    boot, counter, high, low = its_boot, its_counter, 0, 1
    found = 0
  elseif its_boot == boot then
    found, counter, high, low = marked(counter, high, low, its_counter)
  elseif counter >= 64 then
    found = 2
  elseif not boot2 or its_boot > boot2 then
    boot2, counter2, high2, low2 = its_boot, its_counter, 0, 1
    found = 0
  elseif its_boot == boot2 then
    found, counter2, high2, low2 = marked(counter2, high2, low2, its_counter)
  else
    found = 2
  end
  if counter >= 64 then boot2 = nil end
  return found
end

local function freeze(its_hour)
  flags = flags + TRIAL
  for i = 1, sizes do
    if n[i] > 0 then
      flags = flags + KNOWN[i]
      p[i] = floor((2 * s[i] + n[i]) / (2 * n[i]))
    else
      p[i] = 0
    end
  end
  hour, hours = its_hour, 0
end

local function add(where, name, amount)
  where[name] = (where[name] or 0) + amount
end

local function prepare(bits, y)
  prepared = prepared + 1
  for i = 1, sizes do
    if band(bits, lshift(1, i)) ~= 0 and n[i] < 65535 then
      n[i], s[i] = n[i] + 1, s[i] + floor((y[i] + 500) / 1000)
    end
  end
end

local function try(arm, bits, its_hour, y)
  counted = counted + 1
  local name = ARMS[arm]
  if band(flags, SEEN[arm]) == 0 then
    flags = flags + SEEN[arm]
    add(totals, name .. '.devices', 1)
    if band(flags, SWITCHED) == SWITCHED then add(totals, 'switched', 1) end
  end
  add(totals, name .. '.events', 1)

  local sum = sums[its_hour]
  if not sum then
    sum = {episodes = {0, 0}, exposure = {0, 0}}
    for i = 1, 14 * sizes do sum[i] = 0 end
    sums[its_hour] = sum
  end
  local shift = 4 * (hour - its_hour) + 2 * (arm - 1)
  if band(hours, lshift(1, shift)) == 0 then
    hours = bor(hours, lshift(1, shift))
    sum.exposure[arm] = sum.exposure[arm] + 1
  end
  if band(bits, 1) ~= 0 and band(hours, lshift(2, shift)) == 0 then
    hours = bor(hours, lshift(2, shift))
    sum.episodes[arm] = sum.episodes[arm] + 1
  end

  for i = 1, sizes do
    if band(bits, lshift(1, i)) ~= 0 then
      local at = 7 * ((arm - 1) * sizes + i - 1)
      local value = y[i]
      sum[at + 1] = sum[at + 1] + 1
      sum[at + 2] = sum[at + 2] + value
      if band(flags, KNOWN[i]) ~= 0 then
        local own = p[i]
        sum[at + 3] = sum[at + 3] + 1
        sum[at + 4] = sum[at + 4] + own
        sum[at + 5] = sum[at + 5] + value
        sum[at + 6] = sum[at + 6] + own * own
        sum[at + 7] = sum[at + 7] + own * value
      end
      if band(bits, lshift(8, i)) ~= 0 then add(totals, name .. '.clipped.' .. i, 1) end
    end
  end
end

-- The reports, device by device.
local y = {}
local place, key, shelf, device = 1, nil, nil, nil
local pending, refresh = {}, false

local function put_away()
  if device then
    pending[#pending + 1] = device
    pending[#pending + 1] = saved()
  end
end

local function close()
  put_away()
  device = nil
  if #pending > 0 then
    call('HSET', key, _G.unpack(pending))
    if refresh then call('EXPIRE', key, ttl) end
    pending, refresh = {}, false
  end
end

for from = 1, #reports, BYTES do
  local _, its_shelf, its_device, its_boot, its_counter, kind, bits, time, its_hour
  _, its_shelf, its_device, its_boot, its_counter, kind, bits, time, its_hour, y[1], y[2], y[3] =
    unpack(REPORT, reports, from)
  if its_shelf ~= shelf then
    if shelf then close() end
    place = place + 1
    shelf, key = its_shelf, KEYS[place]
  end
  if its_device ~= device then
    put_away()
    device = its_device
    local record = call('HGET', key, device)
    load(record)
    refresh = refresh or not record
  end

  -- A shelf lives on with any of its devices: with every 64th report, and with the first.
  refresh = refresh or its_counter % 64 == 0

  local found
  if kind == PREPARATION then
    found = accepted(its_boot, its_counter)
    if found == 0 then
      if band(flags, TRIAL) == 0 then prepare(bits, y) else found = 2 end
    end
  elseif band(flags, TRIAL) ~= 0 and hour - its_hour >= HOURS then
    found = 2
  else
    found = accepted(its_boot, its_counter)
    if found == 0 then
      if band(flags, TRIAL) == 0 then freeze(its_hour) end
      if its_hour > hour then
        local ahead = its_hour - hour
        hours = ahead < HOURS and band(lshift(hours, 4 * ahead), 65535) or 0
        hour = its_hour
      end
      try(kind, bits, its_hour, y)
      if time > latest then latest = time end
    end
  end
  if found == 1 then duplicates = duplicates + 1 elseif found == 2 then late = late + 1 end
end
if shelf then close() end

-- What they add up to.
if prepared > 0 then add(totals, 'prepared', prepared) end
for name, amount in pairs(totals) do call('HINCRBY', totals_key, name, amount) end
if latest >= 0 and latest > tonumber(call('HGET', totals_key, 'latest') or -1) then
  call('HSET', totals_key, 'latest', latest)
end
call('EXPIRE', totals_key, ttl)
for its_hour, sum in pairs(sums) do
  local to = hour_keys[its_hour]
  for arm = 1, 2 do
    for i = 1, sizes do
      local at = 7 * ((arm - 1) * sizes + i - 1)
      if sum[at + 1] > 0 then
        local name = ARMS[arm] .. i
        for which = 1, 7 do
          local amount = sum[at + which]
          if amount ~= 0 then call('HINCRBY', to, name .. SUMS[which], amount) end
        end
      end
    end
    if sum.exposure[arm] > 0 then call('HINCRBY', to, ARMS[arm] .. 'x', sum.exposure[arm]) end
    if sum.episodes[arm] > 0 then call('HINCRBY', to, ARMS[arm] .. 'e', sum.episodes[arm]) end
  end
  call('EXPIRE', to, ttl)
end
return {counted, prepared, duplicates, late}
