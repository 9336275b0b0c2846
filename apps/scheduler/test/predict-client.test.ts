import { buildTopology, createMemoryBroker, createMemoryServer } from '@celeriac/broker'
import { systemClock } from '@celeriac/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { PredictClient } from '../src/predict-client.ts'
import type { PredictRequest } from '../src/http/api-deps.ts'

const request = (deadlineAt: number): PredictRequest =>
  ({ model: { uri: 'file:///m' }, rows: [{ x: 1 }], columns: null, deadlineAt }) as unknown as PredictRequest

test('a deadline that passes while the broker is away is the answer, and nothing is left unhandled', async () => {
  const topology = buildTopology()
  const broker = createMemoryBroker({ server: createMemoryServer({ topology, clock: systemClock }) })
  await broker.start()
  onTestFinished(() => broker.stop())
  const client = new PredictClient({ broker, topology, clock: systemClock, name: 's1' })
  await client.start()
  // The connection is gone: what is published waits for the next one.
  let settle = (): void => {}
  broker.publish = () => new Promise((resolve) => (settle = () => resolve(['unknown'])))
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): number => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  onTestFinished(() => void process.off('unhandledRejection', onUnhandled))
  let answered: unknown = null
  void client.predict(request(Date.now() + 50)).catch((error: unknown) => (answered = error))
  await expect.poll(() => answered).toMatchObject({ code: 'PREDICT_DEADLINE' })
  settle()
  expect(unhandled).toEqual([])
})
