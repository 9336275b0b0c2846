import { expect, test } from 'vitest'
import { currentCost, PasswordHasher } from '../../src/accounts/password-hasher.ts'

const cheap = { log2N: 7, r: 8, p: 1 }

test('the product hashes at the recommended cost', () => {
  expect(currentCost).toEqual({ log2N: 17, r: 8, p: 1 })
})

test('a password fits its own hash alone, however its letters are composed', async () => {
  const hasher = new PasswordHasher(cheap)
  const [one, other] = [await hasher.hash('caf\u00e9 au lait'), await hasher.hash('caf\u00e9 au lait')]
  expect(one).not.toBe(other)
  expect(one).toMatch(/^scrypt\$7\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
  expect(await hasher.verify('cafe\u0301 au lait', one)).toBe(true)
  for (const wrong of ['', 'caf\u00e9 au lai', 'cafe au lait'])
    expect(await hasher.verify(wrong, one)).toBe(false)
  expect(await hasher.verify('caf\u00e9 au lait', null)).toBe(false)
})

test('a hash of another cost is still checked, and is known to be outdated', async () => {
  const old = await new PasswordHasher({ log2N: 6, r: 8, p: 1 }).hash('a password')
  const hasher = new PasswordHasher(cheap)
  expect(await hasher.verify('a password', old)).toBe(true)
  expect([hasher.isOutdated(old), hasher.isOutdated(await hasher.hash('x'))]).toEqual([true, false])
})

test('two hashes run at a time, some wait, and more are refused', async () => {
  const hasher = new PasswordHasher({ log2N: 12, r: 8, p: 1 })
  const all = await Promise.allSettled(Array.from({ length: 40 }, () => hasher.hash('a password')))
  const refused = all.filter((each) => each.status === 'rejected')
  expect(refused).toHaveLength(6)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'AUTH_THROTTLED' })
})
