-- Marks a verdict as told, by this server's clock. KEYS the looks. ARGV the verdict.
local now = redis.call('TIME')
return redis.call(
  'HSET', KEYS[1], 'told', ARGV[1], 'told_at', now[1] * 1000 + math.floor(now[2] / 1000)
)
