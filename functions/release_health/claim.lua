-- Takes the next look at a trial, if the last one is long enough ago by this server's clock.
-- KEYS the looks. ARGV milliseconds between looks, seconds to live.
-- Returns the look's number, or 0.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local since = now - tonumber(redis.call('HGET', KEYS[1], 'looked') or 0)
if since >= 0 and since < tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'looked', now)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('HINCRBY', KEYS[1], 'looks', 1)
