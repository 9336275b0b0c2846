import { newId, systemClock } from '@celeriac/runtime'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000 }))
  afterEach(() => vi.useRealTimers())

  test('tells the time in milliseconds', () => {
    expect(systemClock.now()).toBe(1_000)
  })

  test('runs an action once, when it is due', () => {
    const action = vi.fn()
    systemClock.after(50, action)
    vi.advanceTimersByTime(49)
    expect(action).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_000)
    expect(action).toHaveBeenCalledOnce()
  })

  test('takes delays beyond the longest timer of Node', () => {
    const action = vi.fn()
    const days = 40 * 86_400_000
    systemClock.after(days, action)
    vi.advanceTimersByTime(days - 1)
    expect(action).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(action).toHaveBeenCalledOnce()
  })

  test('forgets an action that was cancelled, also behind the first part of a long delay', () => {
    const action = vi.fn()
    const cancel = systemClock.after(40 * 86_400_000, action)
    vi.advanceTimersByTime(30 * 86_400_000)
    cancel()
    vi.advanceTimersByTime(30 * 86_400_000)
    expect(action).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('ids are UUIDs of version 7 and sort by creation', () => {
  const ids = Array.from({ length: 1_000 }, newId)
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})
