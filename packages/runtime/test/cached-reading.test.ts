import { CachedReading, within } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'

/** A source that answers when told to. */
function setup() {
  const clock = new FakeClock()
  const pending: { resolve: (value: number) => void; reject: (error: Error) => void }[] = []
  const reading = new CachedReading({
    clock,
    read: () => new Promise<number>((resolve, reject) => pending.push({ resolve, reject })),
    freshMs: 5_000,
    waitMs: 1_000,
    staleMs: 60_000,
  })
  return { clock, pending, reading }
}

test('a fresh value is given to all without reading again', async () => {
  const { clock, pending, reading } = setup()
  const both = Promise.all([reading.get(), reading.get()])
  pending[0]?.resolve(7)
  expect(await both).toEqual([7, 7])
  clock.advance(4_999)
  expect(await reading.get()).toBe(7)
  expect(pending).toHaveLength(1)
  clock.advance(1)
  const next = reading.get()
  pending[1]?.resolve(8)
  expect(await next).toBe(8)
})

test('a reading that hangs holds nobody up: the last value is given until it is stale', async () => {
  const { clock, pending, reading } = setup()
  const first = reading.get()
  pending[0]?.resolve(7)
  await first
  clock.advance(5_000)
  const second = reading.get()
  clock.advance(1_000)
  expect(await second).toBe(7)
  clock.advance(54_000)
  const third = reading.get()
  clock.advance(1_000)
  expect(await third).toBeNull()
  expect(pending).toHaveLength(2)
})

test('a source that fails gives no value, and is asked again after the same time', async () => {
  const { clock, pending, reading } = setup()
  const first = reading.get()
  pending[0]?.reject(new Error('gone'))
  expect(await first).toBeNull()
  expect(await reading.get()).toBeNull()
  expect(pending).toHaveLength(1)
  clock.advance(5_000)
  const second = reading.get()
  pending[1]?.resolve(8)
  expect(await second).toBe(8)
})

test('a slow source is given a rest of twenty times as long', async () => {
  const { clock, pending, reading } = setup()
  const first = reading.get()
  clock.advance(900)
  pending[0]?.resolve(7)
  await first
  clock.advance(17_999)
  expect(await reading.get()).toBe(7)
  expect(pending).toHaveLength(1)
  clock.advance(1)
  const second = reading.get()
  pending[1]?.resolve(8)
  expect(await second).toBe(8)
})

test('work within its limit gives its value, slower work nothing, and no timer is left', async () => {
  const clock = new FakeClock()
  expect(await within(10, Promise.resolve(1), clock)).toBe(1)
  const slow = within(10, new Promise<number>(() => {}), clock)
  clock.advance(10)
  expect(await slow).toBeUndefined()
  await expect(within(10, Promise.reject(new Error('no')), clock)).rejects.toThrow('no')
  expect(clock.pending).toBe(0)
})
