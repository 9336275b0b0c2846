import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { OverloadQueue } from '../../src/http/overload-queue.ts'

test('refusals leave in the order of their coming, some in each turn, and all in the end', async () => {
  const queue = new OverloadQueue()
  const sent: number[] = []
  const perTurn: number[] = []
  for (let index = 0; index < 2_000; index++) queue.add(() => sent.push(index))
  while (sent.length < 2_000) {
    const before = sent.length
    await turn()
    perTurn.push(sent.length - before)
  }
  expect(sent).toEqual(Array.from({ length: 2_000 }, (_, index) => index))
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(96)
  queue.add(() => sent.push(2_000))
  await turn()
  expect(sent.at(-1)).toBe(2_000)
})
