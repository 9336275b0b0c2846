import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { silentLogger, systemClock } from '@celeriac/runtime'
import { Celeriac, chord, createTaskWorker } from '@celeriac/tasks'
import { createTestDatabase } from '@celeriac/testkit'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'

const timeout = 10
const number = z.number()

afterEach(() => {
  vi.unstubAllEnvs()
})

/** An application that names no backend, and its worker, on a machine of the platform. */
async function start() {
  const database = await createTestDatabase()
  onTestFinished(() => database.drop())
  vi.stubEnv('CELERIAC_DATABASE_URL', database.url)
  const topology = buildTopology()
  const server = createMemoryServer({ topology, clock: systemClock })
  const anApp = async () => {
    const broker = createMemoryBroker({ server })
    await broker.start()
    onTestFinished(() => broker.stop())
    const app = new Celeriac({ broker })
    onTestFinished(() => app.stop())
    return { app, broker }
  }
  const [client, inside] = [await anApp(), await anApp()]
  inside.app.task('tasks.add', z.tuple([number, number]), ([x, y]) => x + y)
  inside.app.task('tasks.total', z.tuple([z.array(number)]), ([all]) => all.reduce((sum, x) => sum + x, 0))
  const worker = createTaskWorker({
    broker: inside.broker,
    topology,
    executors: new Map(),
    concurrency: 2,
    nodeName: 'pg@test',
    logger: silentLogger(),
    plain: { app: await inside.app.forWorker(), queues: [topology.celeryQueue] },
  })
  onTestFinished(() => worker.abort())
  await worker.start()
  return { ...client, anApp }
}

test('without a named backend results live in the database of the platform, for every program', async () => {
  const { app, anApp } = await start()
  const { id } = await app.sendTask('tasks.add', [2, 3])
  const other = await anApp()
  expect(await other.app.result(id).get({ timeout })).toBe(5)
  expect(await other.app.result(id).status()).toBe('SUCCESS')
})

test('chords are counted there', async () => {
  const { app } = await start()
  const add = (x: number) => app.signature('tasks.add', { args: [x, x] })
  const result = await app.apply(chord([add(1), add(2), add(3)], app.signature('tasks.total')))
  expect(await result.get({ timeout })).toBe(12)
})
