import { afterAll, beforeAll, expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'

let platform: Platform

beforeAll(async () => {
  platform = await (await Platform.create('distributed')).start({ schedulers: 1, workers: 0 })
})
afterAll(() => platform?.destroy())

const sleeping = (name: string, seconds: number): string =>
  JSON.stringify({
    name,
    dag: {
      operator_list: ['nap'],
      operator_rels: {},
      operator_details: { nap: { algo_name: 'algo_local_test_sleep', params: { seconds } } },
    },
  })

const untilRunning = async (id: string, worker?: string): Promise<string> => {
  await expect
    .poll(
      async () => {
        const [operator] = (await platform.api.run(id)).operators
        return operator!.state === 'running' && operator!.worker !== worker
      },
      { timeout: 30_000, interval: 50 },
    )
    .toBe(true)
  return (await platform.api.run(id)).operators[0]!.worker!
}

test('the first SIGTERM lets the running attempt finish, and the worker ends by itself', async () => {
  const worker = await platform.startWorker(1)
  const { id } = await platform.api.submit(sleeping('drain', 2))
  await untilRunning(id)
  worker.signal('SIGTERM')
  expect((await platform.api.waitFor(id, ['succeeded'], 30_000)).operators[0]).toMatchObject({ attempt: 1 })
  expect((await worker.exited).code).toBe(0)
})

test('the second SIGTERM aborts, and another worker takes the same attempt over', async () => {
  const first = await platform.startWorker(1, ['--name', 'first@test'])
  const { id } = await platform.api.submit(sleeping('abort', 600))
  const holder = await untilRunning(id)
  expect(holder).toBe('first@test')
  first.signal('SIGTERM')
  // Draining: it takes nothing new and says that it is not ready, while the attempt goes on.
  expect(first.isRunning).toBe(true)
  expect((await platform.api.run(id)).operators[0]!.state).toBe('running')
  first.signal('SIGTERM')
  await first.exited
  await platform.startWorker(1, ['--name', 'second@test'])
  expect(await untilRunning(id, 'first@test')).toBe('second@test')
  expect((await platform.api.run(id)).operators[0]).toMatchObject({ attempt: 1 })
  await platform.api.json('POST', `/api/v1/runs/${id}/cancel`)
  expect((await platform.api.waitFor(id, ['cancelled'], 30_000)).state).toBe('cancelled')
})
