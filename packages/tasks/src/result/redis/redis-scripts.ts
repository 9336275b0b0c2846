/**
 * What must be atomic, in Lua: each script is carried out as one step of the server.
 *
 * ## Chords shared with Python workers
 *
 * Celery keeps a chord under the key of its group: the parts in the sorted set `.j`, the size of the header in `.s`,
 * members added later in `.t`. The worker whose part makes the set as large as the sum publishes the body and deletes the
 * keys. Up to Celery 5.6 nothing else guards the body: a part repeated just then finds the sum right again and the body
 * runs twice, and a part repeated with another result is a second member of the set, so that the body runs early or
 * never. Celery 5.7 adds the set `.d` of parts that were counted, and the claim `.c`: a token with an expiry, of which
 * there is one, replaced by `done` when the body was published. A part that is repeated while a dead worker's claim
 * lasts is dropped there, and its chord hangs.
 *
 * Rules in force here, with the same keys, so that workers of all three kinds work on one chord:
 *
 * 1. A part counts once per task and place: by `.d`, and by the beginnings of the texts that older workers left in `.j`
 *    (parts of one place have one score, so only those are looked through).
 * 2. Who completes the header takes the claim in the same step. Everyone else is told `claimed` and for how long, and
 *    keeps its delivery until the chord is over or the claim has run out; then the next one to ask has it. So a worker
 *    that dies with the claim delays the body by one lease, and a body is lost only with all deliveries of its chord.
 * 3. A part that was counted before, finds the header complete without a claim, and finds parts of older workers in it:
 *    one of those may be publishing at this moment. It is given one lease for that. If `.s` is gone then, it did publish.
 * 4. The end of a chord leaves `done` in `.c`: late parts learn that the chord is over. Unlike Celery 5.7, saying the size
 *    again does not start a second run: a publisher that died is delivered again and says it again. The ids of a frozen
 *    chord are good for one run.
 *
 * What is left, always a second message of the body with the same task id, or what Celery does among its own:
 * - a worker publishes the body and dies before the end of the chord is written;
 * - a worker older than 5.7, which sees no claim, repeats a part while another worker has one. Hiding the completeness
 *   from it was decided against: when the one with the claim dies, that repeated part is what saves the body;
 * - a worker of 5.7 drops a part that is repeated while the claim of a dead worker lasts. Leases are short for its sake.
 */

/**
 * KEYS: task. ARGV: meta, seconds to live (0: for ever), 1 if it is an end. Stores and publishes by the rule of
 * `replacesState`: 1, else 0.
 */
export const storeMetaScript = `
local stored = redis.call('GET', KEYS[1])
if stored then
  local isJson, meta = pcall(cjson.decode, stored)
  local status = isJson and type(meta) == 'table' and meta.status
  if status == 'SUCCESS' then return 0 end
  if (status == 'FAILURE' or status == 'REVOKED') and ARGV[3] ~= '1' then return 0 end
end
if tonumber(ARGV[2]) > 0 then
  redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
`

/** KEYS: as `RedisKeys.chord`. ARGV: size, seconds to live (0: for ever). Once there is a claim nothing is changed. */
export const setChordSizeScript = `
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SETEX', KEYS[2], ARGV[2], ARGV[1])
else
  redis.call('SET', KEYS[2], ARGV[1])
end
return 1
`

/** KEYS: as `RedisKeys.chord`. ARGV: members, seconds to live (0: for ever). Once there is a claim nothing is changed. */
export const growChordScript = `
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
redis.call('INCRBY', KEYS[3], ARGV[1])
if tonumber(ARGV[2]) > 0 then redis.call('EXPIRE', KEYS[3], ARGV[2]) end
return 1
`

/**
 * KEYS: as `RedisKeys.chord`. ARGV: part, score, the two beginnings of texts of this task, holder, lease in ms, seconds to
 * live (0: for ever), task id.
 * Gives {'waiting', counted, total or -1}, {'complete', parts with scores}, {'claimed', ms} or {'ended'}.
 */
export const addChordPartScript = `
local parts, sizeKey, extraKey, countedKey, claimKey, group = unpack(KEYS)
local part, score, spaced, compact, holder = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local lease, ttl, member = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] .. ':' .. ARGV[2]

local claim = redis.call('GET', claimKey)
if claim == 'done' then return {'ended'} end
local size = redis.call('GET', sizeKey)
local isRepeated = redis.call('SISMEMBER', countedKey, member) == 1
if not size and (claim or isRepeated and redis.call('EXISTS', parts) == 0) then return {'ended'} end

if not isRepeated then
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', parts, score, score)) do
    if string.sub(other, 1, #spaced) == spaced or string.sub(other, 1, #compact) == compact then isRepeated = true end
  end
end
if not isRepeated then
  redis.call('ZADD', parts, score, part)
  redis.call('SADD', countedKey, member)
end
if ttl > 0 then
  for _, key in ipairs({parts, sizeKey, extraKey, countedKey, group}) do redis.call('EXPIRE', key, ttl) end
end

if claim and claim ~= holder then
  local left = redis.call('PTTL', claimKey)
  return {'claimed', left > 0 and left or lease}
end
if not claim then
  local counted = redis.call('ZCARD', parts)
  if not size then return {'waiting', counted, -1} end
  local total = tonumber(size) + tonumber(redis.call('GET', extraKey) or 0)
  if counted >= total then
    -- An older worker may have counted a task twice, with two results.
    local seen = {}
    counted = 0
    for _, other in ipairs(redis.call('ZRANGE', parts, 0, -1)) do
      local taskId = string.match(other, '^%[1, ?"([^"]*)"') or other
      if not seen[taskId] then counted = counted + 1 end
      seen[taskId] = true
    end
  end
  if counted < total then return {'waiting', counted, total} end
  if isRepeated and redis.call('SCARD', countedKey) < redis.call('ZCARD', parts) then
    -- Counted from now on, so that the lease is given once.
    local all = redis.call('ZRANGE', parts, 0, -1, 'WITHSCORES')
    for index = 1, #all, 2 do
      local taskId = string.match(all[index], '^%[1, ?"([^"]*)"') or all[index]
      local place = all[index + 1] == 'inf' and '+inf' or all[index + 1]
      redis.call('SADD', countedKey, taskId .. ':' .. place)
    end
    redis.call('SADD', countedKey, member)
    redis.call('SET', claimKey, 'a worker older than 5.7', 'PX', lease)
    return {'claimed', lease}
  end
end

redis.call('SET', claimKey, holder, 'PX', lease)
return {'complete', redis.call('ZRANGE', parts, 0, -1, 'WITHSCORES')}
`

/** KEYS: as `RedisKeys.chord`. ARGV: seconds for which `.c` is kept, 1 to keep the parts. */
export const endChordScript = `
redis.call('SETEX', KEYS[5], ARGV[1], 'done')
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
if ARGV[2] ~= '1' then redis.call('DEL', KEYS[1]) end
return 1
`
