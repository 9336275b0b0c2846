import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { LoginThrottle } from '../../src/accounts/login-throttle.ts'

function setup() {
  const clock = new FakeClock()
  const throttle = new LoginThrottle(clock)
  /** Seconds to wait; 0 when the try passes. */
  const attempt = (username: string, address: string): number => {
    try {
      throttle.begin(username, address)
      return 0
    } catch (error) {
      expect(error).toMatchObject({ code: 'AUTH_THROTTLED' })
      return (error as { details: { retry_after_s: number } }).details.retry_after_s
    }
  }
  return { clock, throttle, attempt }
}

test('after five failures a name waits, twice as long each time, and a minute at most; others do not', () => {
  const { clock, attempt } = setup()
  let address = 0
  const next = (): number => attempt('Ann', `192.0.2.${address++}`)
  for (let count = 0; count < 5; count++) expect(next()).toBe(0)
  for (const wait of [1, 2, 4, 8, 16, 32, 60, 60]) {
    expect([next(), attempt('ann', '198.51.100.1')]).toEqual([wait, wait])
    expect(attempt('bob', `203.0.113.${address}`)).toBe(0)
    clock.advance(wait * 1_000)
    expect(next()).toBe(0)
    // Bob succeeds each time.
    address += 1
  }
})

test('an address that tries many names waits too, up to a quarter of an hour; IPv6 counts by network', () => {
  const { clock, attempt } = setup()
  for (let count = 0; count < 20; count++) expect(attempt(`user-${count}`, `2001:db8::${count}`)).toBe(0)
  expect(attempt('next', '2001:db8:0:0:1::1')).toBe(1)
  expect(attempt('next', '2001:db8:0:1::1')).toBe(0)
  for (let count = 0; count < 30; count++) {
    clock.advance(900_000)
    expect(attempt(`later-${count}`, '2001:db8::1')).toBe(0)
  }
  expect(attempt('last', '2001:db8::1')).toBe(900)
})

test('a right password gives the name a new beginning, and the address its try back', () => {
  const { throttle, attempt } = setup()
  for (let count = 0; count < 100; count++) {
    expect(attempt('ann', '192.0.2.1')).toBe(0)
    throttle.succeeded('ann', '192.0.2.1')
  }
  for (let count = 0; count < 20; count++) {
    expect(attempt(`user-${count}`, '192.0.2.1')).toBe(0)
    if (count > 0) continue
    expect(attempt('ann', '192.0.2.2')).toBe(0)
    throttle.succeeded('ann', '192.0.2.2')
  }
  expect(attempt('ann', '192.0.2.1')).toBe(1)
})

test('who was quiet for an hour begins anew', () => {
  const { clock, attempt } = setup()
  for (let count = 0; count < 5; count++) attempt('ann', '192.0.2.1')
  expect(attempt('ann', '192.0.2.1')).toBe(1)
  clock.advance(3_600_001)
  expect(attempt('ann', '192.0.2.1')).toBe(0)
})

test('any number of names and addresses takes bounded memory', () => {
  const { throttle, attempt } = setup()
  for (let count = 0; count < 20_000; count++) attempt(`user-${count}`, `10.0.${count >> 8}.${count & 255}`)
  expect(throttle.size).toBe(10_000)
})
