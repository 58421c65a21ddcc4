/** Lua: `now` in epoch ms. */
const nowMs = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** Lua: lets a key live for so many ms at least. */
const keep = `local function keep(key, ms)
  if redis.call('PTTL', key) < tonumber(ms) then redis.call('PEXPIRE', key, ms) end
end`

/** Lua: whether a record is there, and no tombstone. */
const lives = `local function lives(key, mark)
  local record = redis.call('GET', key)
  return record and string.sub(record, 1, 1) ~= mark and record
end`

/**
 * The verbs that must happen as one. Redis runs a script alone, so nothing comes between its comparing and
 * its writing. Each gets the keys of one hash slot, and answers 1 when it wrote and 0 when it did not.
 */
export const scripts = {
  /** KEYS session, vault, members. ARGV the two records, then the lives of the three keys in ms. */
  createFamily: `if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
redis.call('SADD', KEYS[3], '0')
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 1`,

  /** KEYS session, vault, members. ARGV expected and next record, then the lives of the three keys in ms. */
  replaceSession: `${keep}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
keep(KEYS[2], ARGV[4])
keep(KEYS[3], ARGV[5])
return 1`,

  /**
   * KEYS the other's session, the new one's, vault, members. ARGV mark, record, the lives of the three keys in ms, most,
   * the new name, prefix of the session keys.
   */
  addMember: `${keep}
${lives}
if not lives(KEYS[1], ARGV[1]) or redis.call('EXISTS', KEYS[2]) > 0 or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
local living = 0
for _, member in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  if lives(ARGV[8] .. member, ARGV[1]) then living = living + 1
  elseif member ~= '0' then redis.call('SREM', KEYS[4], member) end
end
if living >= tonumber(ARGV[6]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[4], ARGV[7])
keep(KEYS[3], ARGV[4])
keep(KEYS[4], ARGV[5])
return 1`,

  /** KEYS members. ARGV mark, prefix of the session keys. Answers with names and records in turn. */
  readMembers: `${lives}
local found = {}
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local record = lives(ARGV[2] .. member, ARGV[1])
  if record then
    found[#found + 1] = member
    found[#found + 1] = record
  end
end
return found`,

  /**
   * KEYS members, vault, then the session of each that ends. ARGV mark, marked tombstone, its life in ms, prefix of the
   * session keys, the expected record of the first after a `=`, or empty. Answers 2 when none is left.
   */
  endMembers: `${lives}
if ARGV[5] ~= '' and '=' .. (redis.call('GET', KEYS[3]) or '') ~= ARGV[5] then return 0 end
local ended = 0
for at = 3, #KEYS do
  if lives(KEYS[at], ARGV[1]) then
    if redis.pcall('SET', KEYS[at], ARGV[2], 'PX', ARGV[3]).err then redis.call('DEL', KEYS[at]) end
    ended = 1
  end
end
if ended == 0 then return 0 end
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if lives(ARGV[4] .. member, ARGV[1]) then return 1 end
end
redis.call('DEL', KEYS[1], KEYS[2])
return 2`,

  /** KEYS a count. ARGV its life in ms. */
  countFor: `local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count`,

  /** KEYS one key. ARGV expected and next value. For the vault, and for spending a one-time item. */
  replaceValue: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`,

  /**
   * KEYS root session, vault, members. ARGV mark, marked tombstone, its life in ms, prefix of the session
   * keys, and the expected root record and vault, each after a `=`: `-` where none is, empty where any will do.
   *
   * A Redis that is full refuses SET and still takes DEL: an ending that cannot leave its reason behind
   * must end all the same.
   */
  endFamily: `for at = 1, 2 do
  local expected = ARGV[4 + at]
  local record = redis.call('GET', KEYS[at])
  if expected ~= '' and (record and '=' .. record or '-') ~= expected then return 0 end
end
local members = redis.call('SMEMBERS', KEYS[3])
members[#members + 1] = '0'
local ended = 0
for _, member in ipairs(members) do
  local key = ARGV[4] .. member
  local record = redis.call('GET', key)
  if record and string.sub(record, 1, 1) ~= ARGV[1] then
    if redis.pcall('SET', key, ARGV[2], 'PX', ARGV[3]).err then redis.call('DEL', key) end
    ended = 1
  end
end
redis.call('DEL', KEYS[2], KEYS[3])
return ended`,

  /** KEYS lease. ARGV holder, life in ms. */
  extendLease: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,

  /** KEYS lease. ARGV holder. */
  releaseLease: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,

  /**
   * KEYS index. ARGV family, life in ms. Scores are epoch ms of this Redis's own clock, and read back as a number:
   * newer ones write some scores as 1.8e+12, which PEXPIREAT does not take.
   */
  addToIndex: `${nowMs}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], 'GT', now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], tonumber(last[2]))
return 1`,

  /** KEYS the list. ARGV family, time in ms, how much longer than its last entry the list lives. */
  putDue: `${nowMs}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2] + ARGV[3])
return 1`,

  /** KEYS the list. ARGV how many, and in how many ms they come again. Answers with families. */
  takeDue: `${nowMs}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, family in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[2], family) end
return due`,

  /**
   * KEYS the bucket. ARGV how much one fills it, and its size: both in µs, of which this Redis's own clock counts without
   * rounding. Answers with the ms to wait, 0 when it was counted. src/store/buckets.ts does the same.
   */
  count: `local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local level = math.min(math.max((tonumber(redis.call('GET', KEYS[1]) or 0)) - now, 0), tonumber(ARGV[2]))
local filled = level + ARGV[1]
if filled > tonumber(ARGV[2]) then return math.ceil((filled - ARGV[2]) / 1000) end
redis.call('SET', KEYS[1], string.format('%.0f', now + filled), 'PX', math.ceil(filled / 1000))
return 0`,
} as const
