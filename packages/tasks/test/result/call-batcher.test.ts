import { AppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { CallBatcher } from '../../src/result/postgres/call-batcher.ts'

test('calls of one turn go out together, in their order, and each gets its result', async () => {
  const batches: number[][] = []
  const batcher = new CallBatcher<number, string>(async (items) => {
    batches.push([...items])
    return items.map((item) => `result ${item}`)
  }, 10)
  expect(await Promise.all([1, 2, 3].map((item) => batcher.add(item)))).toEqual([
    'result 1',
    'result 2',
    'result 3',
  ])
  expect(batches).toEqual([[1, 2, 3]])
})

test('what comes while a call is under way goes out with the next one, up to the largest batch', async () => {
  const batches: number[][] = []
  const gates: (() => void)[] = []
  const batcher = new CallBatcher<number, number>(async (items) => {
    batches.push([...items])
    await new Promise<void>((resolve) => gates.push(resolve))
    return items
  }, 2)
  const first = batcher.add(0)
  await Promise.resolve()
  await Promise.resolve()
  const others = [1, 2, 3].map((item) => batcher.add(item))
  expect(batches).toEqual([[0]])
  gates.shift()?.()
  await first
  await expect.poll(() => batches).toEqual([[0], [1, 2]])
  gates.shift()?.()
  await expect.poll(() => batches).toEqual([[0], [1, 2], [3]])
  gates.shift()?.()
  expect(await Promise.all(others)).toEqual([1, 2, 3])
})

test('an item that is refused for good fails its own caller only', async () => {
  const batcher = new CallBatcher<string, string>(async (items) => {
    if (items.includes('bad')) throw new AppError('VALIDATION_BODY_INVALID', 'refused')
    return items
  }, 10)
  const settled = await Promise.allSettled(['a', 'bad', 'b'].map((item) => batcher.add(item)))
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('while the service is away every caller is told, and the next call is tried anew', async () => {
  let calls = 0
  const batcher = new CallBatcher<number, number>(async (items) => {
    if (++calls === 1) throw new AppError('STORE_UNAVAILABLE', 'away')
    return items
  }, 10)
  const settled = await Promise.allSettled([1, 2].map((item) => batcher.add(item)))
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(calls).toBe(1)
  expect(await batcher.add(3)).toBe(3)
})
