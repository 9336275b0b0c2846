/** A database with live runs of an older version is migrated while a scheduler of that version goes on; a new one follows. */
import {
  encodeOutcome,
  encodeTaskMessage,
  operatorTaskMessage,
  versionHeader,
  leaseHeader,
} from '@celeriac/contracts'
import { partitionOf, type OutgoingMessage } from '@celeriac/core'
import { newId, silentLogger, systemClock } from '@celeriac/runtime'
import { migrate, migrationStatus } from '@celeriac/store'
import { createTestDatabase } from '@celeriac/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Admission } from '../../src/submission/admission.ts'
import { EngineHarness, planOf } from '../engine/engine-harness.ts'
import { migrateTo, OldScheduler, type OldChanges, type OldRun } from './old-scheduler.ts'

const plan = planOf({ a: [], b: ['a'] })
const result = { outputs: {}, metrics: {}, compat: [] }

type Step = (old: OldScheduler, run: OldRun) => Promise<void>

const dispatch = (ordinal: number): OldChanges => ({
  [ordinal]: { state: 'ready', attempt: 1, attemptId: newId(), readyAt: Date.now() },
})
const sent = (ordinal: number): OldChanges => ({ [ordinal]: { state: 'queued' } })
const started = (ordinal: number): OldChanges => ({
  [ordinal]: { state: 'running', startedAt: Date.now(), worker: 'old@w' },
})
const progressed = (ordinal: number): OldChanges => ({
  [ordinal]: { progress: { current: 1, total: 2, message: 'half' } },
})
const done = (ordinal: number): OldChanges => ({
  [ordinal]: { state: 'succeeded', finishedAt: Date.now(), result, progress: null },
})

/** The life of a run, a batch each. */
const life: readonly Step[] = [
  (old, run) => old.commit(run, dispatch(0), { state: 'running', startedAt: Date.now() }),
  (old, run) => old.commit(run, sent(0)),
  (old, run) => old.commit(run, started(0)),
  (old, run) => old.commit(run, progressed(0)),
  (old, run) => old.commit(run, { ...done(0), ...dispatch(1) }),
  (old, run) => old.commit(run, sent(1)),
  (old, run) => old.commit(run, started(1)),
  (old, run) => old.commit(run, done(1), { state: 'succeeded', finishedAt: Date.now() }),
]

async function setup() {
  const database = await createTestDatabase({ isMigrated: false })
  await migrateTo(database, '0003')
  const old = await OldScheduler.start(database.url)
  onTestFinished(async () => {
    await old.stop()
    await database.drop()
  })
  const dagId = await old.registerDag(plan)
  const runAt = async (steps: number): Promise<OldRun> => {
    const run = await old.createRun(dagId, plan.operators.length)
    for (const step of life.slice(0, steps)) await step(old, run)
    return run
  }
  /** Runs at every point of their life, the first one not taken up yet. */
  const runsAtEveryStep = async (): Promise<OldRun[]> => {
    const runs: OldRun[] = []
    for (let steps = 0; steps <= life.length; steps++) runs.push(await runAt(steps))
    return runs
  }
  return { database, old, runAt, runsAtEveryStep }
}

/** As 9cd8366 wrote them: without leases and versions. */
const older = ({ headers, ...message }: OutgoingMessage): OutgoingMessage => {
  const { [versionHeader]: _version, [leaseHeader]: _lease, ...kept } = headers ?? {}
  return { ...message, headers: kept }
}

/** What old schedulers and workers have left in the queues. */
function messagesOf(run: OldRun, harness: EngineHarness): OutgoingMessage[] {
  const replyTo = harness.topology.eventQueue(partitionOf(run.id))
  return run.tasks.flatMap(({ state, attempt, attemptId }, ordinal) => {
    const operator = plan.operators[ordinal]!
    if (attemptId === null) return []
    if (state === 'running')
      return [
        older(
          encodeOutcome(
            attemptId,
            replyTo,
            { worker: 'old@w', startedAt: null },
            { status: 'succeeded', result },
          ),
        ),
      ]
    if (state !== 'queued') return []
    const task = operatorTaskMessage(
      {
        attemptId,
        runId: run.id,
        operatorId: operator.id,
        attempt,
        algoName: operator.algoName,
        params: {},
        inputs: {},
        outputPrefix: 'file:///o',
        artifactRoot: 'file:///',
        datasets: {},
        softTimeLimitS: null,
        timeLimitS: null,
      },
      { replyTo, origin: 'old' },
    )
    return [older(encodeTaskMessage(task, harness.topology.executorQueue('local')))]
  })
}

test('live runs go on through the migration under an old scheduler, and a new one takes them over and ends them', async () => {
  const { database, old, runAt, runsAtEveryStep } = await setup()
  const { url } = database
  const runs = await runsAtEveryStep()
  const waiting = await runAt(2)
  await old.commit(waiting, { 0: { state: 'retry_wait', retryAt: Date.now(), startedAt: null } })

  // The old scheduler goes on all the time: a batch that fails would end the test.
  let isMigrated = false
  const whole: OldRun[] = []
  const working = (async () => {
    for (let after = 0; after < 3; after += Number(isMigrated)) whole.push(await runAt(life.length))
  })()
  await expect.poll(() => whole.length).toBeGreaterThan(2)
  const commitsBefore = old.commits
  const applied = await migrate({ url })
  isMigrated = true
  await working
  expect(applied[0]).toBe('0004_leases')
  expect(await migrationStatus({ url })).toMatchObject({ state: 'current', pending: [] })
  expect(old.commits).toBeGreaterThan(commitsBefore)
  runs.push(...whole, ...(await runsAtEveryStep()))
  // Also one that began before, and has its middle after.
  await life[3]!(old, runs[3]!)

  const harness = await EngineHarness.create({
    broker: 'memory',
    database: { ...database, drop: async () => undefined },
  })
  onTestFinished(() => harness.close())
  const { client, topology, store } = harness
  await client.publish(runs.flatMap((run) => messagesOf(run, harness)))
  const { executor } = await harness.startWorker()
  await harness.startEngine('new', store, { isDurable: true })
  const limits = { maxActiveRuns: null, maxOpenRuns: null, maxOpenRunsPerDag: null }
  const admission = new Admission({
    store,
    broker: client,
    topology,
    clock: systemClock,
    logger: silentLogger(),
    limits,
  })
  await admission.start()
  onTestFinished(() => admission.stop())

  for (const { id } of runs) {
    const { tasks } = await harness.waitFor(id, 'succeeded')
    // Nothing was run twice for it, and nothing taken for lost.
    expect(tasks.map(({ state, attempt, losses }) => [state, attempt, losses])).toEqual([
      ['succeeded', 1, 0],
      ['succeeded', 1, 0],
    ])
  }
  const { tasks } = await harness.waitFor(waiting.id, 'succeeded')
  expect(tasks.map(({ attempt }) => attempt)).toEqual([2, 1])
  const ids = executor.attempts.map(({ attemptId }) => attemptId)
  expect(new Set(ids).size).toBe(ids.length)

  // The old one has lost its partitions, and finds out with its next batch.
  const late = runs[4]!
  await expect(old.commit(late, progressed(0))).rejects.toMatchObject({ code: 'ZC001' })
})

test('an old batch leaves a lease with its attempt, and takes none into the next one', async () => {
  const { database, old, runAt } = await setup()
  const run = await runAt(3)
  await migrate({ url: database.url })
  const leaseOf = async (): Promise<unknown> => {
    const [row] = await database.sql(
      'select losses, is_leased from operator_tasks where run_id = $1 and ordinal = 0',
      [run.id],
    )
    return row
  }
  expect(await leaseOf()).toEqual({ losses: 0, is_leased: false })
  // As a new scheduler, from which the partition came back, has left it.
  await database.sql(
    'update operator_tasks set losses = 2, is_leased = true where run_id = $1 and ordinal = 0',
    [run.id],
  )
  await old.commit(run, progressed(0))
  expect(await leaseOf()).toEqual({ losses: 2, is_leased: true })
  await old.commit(run, {
    0: { state: 'ready', attempt: 2, attemptId: newId(), startedAt: null, worker: null, progress: null },
  })
  expect(await leaseOf()).toEqual({ losses: 2, is_leased: false })
})
