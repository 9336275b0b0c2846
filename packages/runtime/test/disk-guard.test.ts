import { FakeClock } from '@celeriac/testkit'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskGuard, diskReport, freeBytesAt, judgeDisk, type DiskState } from '../src/index.ts'

const mib = 1_048_576
const ok: DiskState = { isFull: false }

test('a disk is full below the minimum, and again usable a tenth above it', () => {
  expect(judgeDisk(ok, 100, 100)).toEqual(ok)
  const full = judgeDisk(ok, 99, 100)
  expect(full).toEqual({ isFull: true, freeBytes: 99, minFreeBytes: 100 })
  expect(judgeDisk(full, 109, 100).isFull).toBe(true)
  expect(judgeDisk(full, 110, 100)).toEqual(ok)
})

test('with a minimum of 0 no disk is full', () => {
  expect(judgeDisk(ok, 0, 0)).toEqual(ok)
})

test('the report says how much is free and how much is needed', () => {
  expect(diskReport(ok)).toBe('ok')
  expect(diskReport({ isFull: true, freeBytes: 12.7 * mib, minFreeBytes: 256 * mib })).toBe(
    'the disk is full: 12 MiB are free, 256 MiB are needed',
  )
})

async function aGuard(given: { readonly minFreeBytes?: number } = {}) {
  const clock = new FakeClock()
  const changes: boolean[] = []
  const disk = { free: 1_000 as number | Error, readings: 0 }
  const guard = new DiskGuard({
    path: '/data',
    minFreeBytes: given.minFreeBytes ?? 500,
    clock,
    onChange: ({ isFull }) => changes.push(isFull),
    readFree: () => {
      disk.readings += 1
      return disk.free instanceof Error ? Promise.reject(disk.free) : Promise.resolve(disk.free)
    },
  })
  await guard.start()
  const passes = async (): Promise<void> => {
    clock.advance(2_000)
    await new Promise(setImmediate)
  }
  return { clock, guard, disk, changes, passes }
}

test('the guard tells of changes only, every two seconds at most', async () => {
  const { guard, disk, changes, passes, clock } = await aGuard()
  disk.free = 100
  await passes()
  await passes()
  expect(changes).toEqual([true])
  expect(guard.state).toMatchObject({ freeBytes: 100 })
  disk.free = 600
  await passes()
  expect(changes).toEqual([true, false])
  guard.stop()
  expect(clock.pending).toBe(0)
})

test('a disk that cannot be read keeps its state', async () => {
  const { guard, disk, changes, passes } = await aGuard()
  disk.free = 100
  await passes()
  disk.free = new Error('EIO')
  await passes()
  expect(guard.state.isFull).toBe(true)
  expect(changes).toEqual([true])
  guard.stop()
})

test('with a minimum of 0 nothing is read', async () => {
  const { disk, clock } = await aGuard({ minFreeBytes: 0 })
  expect(disk.readings).toBe(0)
  expect(clock.pending).toBe(0)
})

test('the free space of a directory that does not exist yet is that of the one above it', async () => {
  const below = await freeBytesAt(join(tmpdir(), 'celeriac-not-there', 'artifacts'))
  expect(below).toBeGreaterThan(0)
})
