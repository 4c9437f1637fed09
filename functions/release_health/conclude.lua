-- Writes down what a look says. FAIL is written once and never taken back; a PASS stands until then.
-- KEYS the looks. ARGV the look's number, its verdict, milliseconds between tellings of the same,
-- milliseconds after which an alert that was begun and not finished is begun again.
-- Returns {the verdict that stands, the look that first said it, whether it is another than was
-- told, whether to tell it, whether to alert}.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local key, look, verdict = KEYS[1], ARGV[1], ARGV[2]
local stood = redis.call('HGET', key, 'verdict')
if stood == 'FAIL' or (stood == 'PASS' and verdict == 'CONTINUE') then verdict = stood end
redis.call('HSET', key, 'verdict', verdict)
redis.call('HSETNX', key, 'first.' .. verdict, look)

local told = redis.call('HGET', key, 'told')
local changed = told ~= verdict
local ago = now - tonumber(redis.call('HGET', key, 'told_at') or 0)
local tell = changed or ago < 0 or ago >= tonumber(ARGV[3])

local alert = 0
if verdict ~= 'CONTINUE' then
  local begun = redis.call('HGET', key, 'alert.' .. verdict)
  if not begun or (begun ~= 'sent' and now - tonumber(begun) >= tonumber(ARGV[4])) then
    redis.call('HSET', key, 'alert.' .. verdict, now)
    alert = 1
  end
end
return {
  verdict, tonumber(redis.call('HGET', key, 'first.' .. verdict)),
  changed and 1 or 0, tell and 1 or 0, alert,
}
