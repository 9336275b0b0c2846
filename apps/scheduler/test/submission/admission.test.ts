import { buildTopology, createMemoryBroker } from '@celeriac/broker'
import { decodeEngineMessage } from '@celeriac/contracts'
import { AppError, partitionOf, type Admitted, type AdmitRequest } from '@celeriac/core'
import { newId, silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Admission } from '../../src/submission/admission.ts'
import type { RunLimits } from '../../src/submission/run-limits.ts'

const topology = buildTopology()
const limits: RunLimits = { maxOpenRuns: 1_000, maxOpenRunsPerDag: null, maxActiveRuns: 160 }

/** A database that says what a test wants. */
async function setup(over: Partial<RunLimits> = {}) {
  const clock = new FakeClock()
  const broker = createMemoryBroker({ topology, clock })
  await broker.start()
  onTestFinished(() => broker.stop())
  const asked: AdmitRequest[] = []
  let answer: () => Promise<Partial<Admitted>> = () => Promise.resolve({})
  const admission = new Admission({
    store: {
      admitRuns: async (request) => {
        asked.push(request)
        return { runs: [], isWaiting: false, active: 0, open: 0, ...(await answer()) }
      },
    },
    broker,
    topology,
    clock,
    logger: silentLogger(),
    limits: { ...limits, ...over },
  })
  const says = (given: () => Promise<Partial<Admitted>>): void => {
    answer = given
  }
  return { admission, broker, clock, asked, says }
}
const idle = () => new Promise((resolve) => setImmediate(resolve))

test('before the first look every run is counted, and waits', async () => {
  const { admission } = await setup()
  expect(admission.gate()).toEqual({ maxOpenRuns: 1_000, maxOpenRunsPerDag: null, isAdmitted: false })
})

test('without limits nothing is counted and nothing waits', async () => {
  const { admission } = await setup({ maxOpenRuns: null, maxActiveRuns: null })
  expect(admission.gate()).toEqual({ maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: true })
})

test('far from the limits a look allows a few runs without a count, for a while', async () => {
  const { admission, clock } = await setup()
  await admission.lookOnce()
  for (let run = 0; run < 10; run += 1)
    expect(admission.gate()).toEqual({ maxOpenRuns: null, maxOpenRunsPerDag: null, isAdmitted: true })
  expect(admission.gate()).toMatchObject({ maxOpenRuns: null, isAdmitted: false })
  await admission.lookOnce()
  expect(admission.gate()).toMatchObject({ isAdmitted: true })
  clock.advance(1_500)
  expect(admission.gate()).toMatchObject({ maxOpenRuns: 1_000, isAdmitted: false })
})

test('many runs at once are counted, and wait, unless all of them are allowed', async () => {
  const { admission } = await setup()
  await admission.lookOnce()
  expect(admission.gate(9)).toMatchObject({ maxOpenRuns: null, isAdmitted: true })
  expect(admission.gate(2)).toMatchObject({ maxOpenRuns: null, isAdmitted: false })
  expect(admission.gate(100)).toMatchObject({ maxOpenRuns: 1_000, isAdmitted: false })
  expect(admission.gate()).toMatchObject({ maxOpenRuns: null, isAdmitted: true })
})

test('close to a limit nothing is allowed', async () => {
  const { admission, says, asked } = await setup()
  says(() => Promise.resolve({ active: 81, open: 501 }))
  await admission.lookOnce()
  expect(admission.gate()).toMatchObject({ maxOpenRuns: 1_000, isAdmitted: false })
  expect(asked).toEqual([{ maxActiveRuns: 160, limit: 500, countOpenTo: 501 }])
})

test('looks that follow one another do not all count the open runs, and leave their allowance as it is', async () => {
  const { admission, asked, clock } = await setup()
  await admission.lookOnce()
  expect(admission.gate(62)).toMatchObject({ maxOpenRuns: null })
  clock.advance(499)
  await admission.lookOnce()
  expect(admission.gate()).toMatchObject({ maxOpenRuns: 1_000, isAdmitted: true })
  clock.advance(1)
  await admission.lookOnce()
  expect(admission.gate()).toMatchObject({ maxOpenRuns: null, isAdmitted: true })
  expect(asked.map(({ countOpenTo }) => countOpenTo)).toEqual([501, 0, 501])
})

test('what was admitted is announced to the owners of its partitions', async () => {
  const { admission, broker, says } = await setup()
  const id = newId()
  const heard: unknown[] = []
  await broker.consume({
    queue: topology.eventQueue(partitionOf(id)),
    prefetch: 0,
    noAck: true,
    onDelivery: (delivery) => heard.push(decodeEngineMessage(delivery)),
  })
  says(() => Promise.resolve({ runs: [{ id, partition: partitionOf(id) }] }))
  await admission.lookOnce()
  await expect.poll(() => heard).toEqual([{ event: 'run.created', run_id: id }])
})

test('it looks every second, at once when asked, and once more for what asks during a look', async () => {
  const { admission, clock, asked, says } = await setup()
  await admission.start()
  clock.advance(0)
  await expect.poll(() => asked.length).toBe(1)
  await idle()
  clock.advance(999)
  expect(asked).toHaveLength(1)
  clock.advance(1)
  await expect.poll(() => asked.length).toBe(2)
  await idle()
  let release: () => void = () => {}
  says(() => new Promise((resolve) => (release = () => resolve({}))))
  admission.kick()
  clock.advance(0)
  await expect.poll(() => asked.length).toBe(3)
  admission.kick()
  admission.kick()
  says(() => Promise.resolve({}))
  release()
  await idle()
  await idle()
  clock.advance(0)
  await expect.poll(() => asked.length).toBe(4)
  await admission.stop()
})

test('while the database is away it goes on trying every second', async () => {
  const { admission, clock, asked, says } = await setup()
  says(() => Promise.reject(new AppError('STORE_UNAVAILABLE', 'away')))
  await admission.start()
  clock.advance(0)
  await expect.poll(() => asked.length).toBe(1)
  await idle()
  says(() => Promise.resolve({ isWaiting: true }))
  clock.advance(1_000)
  await expect.poll(() => asked.length).toBe(2)
  expect(admission.isWaiting).toBe(true)
  await admission.stop()
})
