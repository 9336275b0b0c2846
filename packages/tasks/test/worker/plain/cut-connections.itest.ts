import { TcpProxy, useTestRabbit, type TestRabbit } from '@celeriac/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { inRabbit } from './in-rabbit.ts'
import { plainSetup } from './plain-setup.ts'

const cuts = 200
const slow = { timeout: 30_000, interval: 5 }

let rabbit: TestRabbit
beforeAll(async () => {
  rabbit = await useTestRabbit()
})
afterAll(() => rabbit?.close())

test(
  `a worker whose connection is cut ${cuts} times consumes after each, and every task ends`,
  { timeout: 180_000 },
  async () => {
    const surroundings = inRabbit(rabbit)
    const { task, call, startWorker, stateOf, depth, control } = await plainSetup(surroundings)
    const { proxy, url } = await TcpProxy.before(rabbit.url)
    onTestFinished(() => proxy.close())
    const runs = new Map<string, number>()
    task('count', (_args, _kwargs, { request: { id } }) => {
      runs.set(id, (runs.get(id) ?? 0) + 1)
    })
    const worker = await startWorker({ broker: await surroundings.connect(url) })
    const ids: string[] = []
    for (let cut = 0; cut < cuts; cut++) {
      const before = proxy.accepted
      // Some are on their way when the connection goes.
      ids.push(await call('count'), await call('count'))
      proxy.cut()
      await expect.poll(() => proxy.accepted, slow).toBeGreaterThan(before)
      const id = await call('count')
      ids.push(id)
      await expect.poll(() => stateOf(id), slow).toBe('SUCCESS')
    }
    await expect
      .poll(async () => new Set(await Promise.all(ids.map(stateOf))), slow)
      .toEqual(new Set(['SUCCESS']))
    expect(runs.size).toBe(3 * cuts)
    // One consumer and one control queue: none is left of the connections before, once the broker has noticed their ends.
    await expect.poll(() => depth(), slow).toMatchObject({ messages: 0, consumers: 1 })
    expect(await control('ping')).toEqual({ ok: 'pong' })
    await worker.stop()
  },
)
