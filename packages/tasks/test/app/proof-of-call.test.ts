import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import type { Broker, PublishOutcome } from '@celeriac/core'
import { systemClock } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { RpcBackend, Celeriac, type TaskMeta } from '../../src/index.ts'
import { withPublish } from '../worker/setup.ts'

/** An application over rpc whose broker confirms its calls when the test says so, and a worker that may answer before. */
async function start() {
  const topology = { ...buildTopology(), exchanges: [], queues: [], bindings: [] }
  const server = createMemoryServer({ topology, clock: systemClock })
  const connect = async (): Promise<Broker> => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    return broker
  }
  const [plain, other] = [await connect(), await connect()]
  const published: string[] = []
  let confirm: (outcome: PublishOutcome) => void = () => {}
  const broker = withPublish(plain, async (messages) => {
    published.push(...messages.map(({ correlationId = '' }) => correlationId))
    const outcome = new Promise<PublishOutcome>((resolve) => (confirm = resolve))
    return Promise.all(messages.map(() => outcome))
  })
  const backend = new RpcBackend({ broker: plain })
  const app = new Celeriac({ broker, backend })
  const worker = new RpcBackend({ broker: other })
  onTestFinished(() => app.stop())
  const answer = (taskId: string): Promise<void> => {
    const meta: TaskMeta = {
      task_id: taskId,
      status: 'SUCCESS',
      result: 5,
      traceback: null,
      children: [],
      date_done: null,
    }
    return worker.store([{ replyTo: backend.replyTo, meta }])
  }
  return { app, answer, published, confirm: (outcome: PublishOutcome) => confirm(outcome) }
}

test('a call is made when its task answers, though the broker has not confirmed it yet', async () => {
  const { app, answer, published, confirm } = await start()
  const called = app.sendTask('tasks.add', [2, 3])
  await expect.poll(() => published).toHaveLength(1)
  await answer(published[0]!)
  expect(await (await called).get({ timeout: 10 })).toBe(5)
  // What the broker says afterwards does not matter any more: the call is not sent again.
  confirm('unknown')
  await expect.poll(() => published).toHaveLength(1)
})

test('what an earlier call of the same id has left proves nothing', async () => {
  const { app, answer, published, confirm } = await start()
  const first = app.sendTask('tasks.add', [2, 3], {}, { taskId: 'same' })
  await expect.poll(() => published).toHaveLength(1)
  await answer('same')
  await first
  let isMade = false
  const second = app.sendTask('tasks.add', [2, 3], {}, { taskId: 'same' }).then(() => (isMade = true))
  await expect.poll(() => published).toHaveLength(2)
  await answer('same')
  await new Promise((resolve) => setImmediate(resolve))
  expect(isMade).toBe(false)
  confirm('confirmed')
  await second
})
