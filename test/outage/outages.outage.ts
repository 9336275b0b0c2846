import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gatherEvidence } from '../chaos/evidence.ts'
import { recordChanges } from '../chaos/history.ts'
import { prove } from '../chaos/proof.ts'
import { documentOf, type RunPlan } from '../chaos/run-plans.ts'
import { Submitter } from '../chaos/submitter.ts'
import { createFillableDisk, type FillableDisk } from '../support/fillable-disk.ts'
import { finalStates } from '../support/api-client.ts'
import { Fleet, type Member } from '../support/fleet.ts'
import { SettableClock } from '../support/settable-clock.ts'

let fleet: Fleet
let disk: FillableDisk
let clock: SettableClock
let clockDirectory: string
let submitter: Submitter
let ledger: string
const faults: { kind: 'broker_killed'; target: string; beganAt: number; endedAt: number }[] = []

beforeAll(async () => {
  disk = await createFillableDisk()
  clockDirectory = await mkdtemp(join(tmpdir(), 'celeriac-clock-'))
  clock = await SettableClock.create(join(clockDirectory, 'offset'))
  fleet = await Fleet.start({
    schedulers: 2,
    workers: 1,
    env: {
      ...clock.env,
      CELERIAC_ALGORITHMS_DIR: join(import.meta.dirname, '..', 'chaos', 'algorithms'),
      CELERIAC_ARTIFACT_URL: pathToFileURL(disk.path).href,
      CELERIAC_MIN_FREE_DISK: String(disk.minFreeMib),
    },
  })
  ledger = join(fleet.platform.dataDir, 'ledger.jsonl')
  submitter = new Submitter(fleet, ledger)
  await recordChanges(fleet.platform.databaseUrl)
})
afterAll(async () => {
  await fleet?.destroy()
  await disk?.remove()
  await rm(clockDirectory, { recursive: true, force: true })
})

let count = 0
/** One operator that is caught in the middle, and one behind it. */
const planned = (seconds = 0.5): RunPlan => ({
  name: `outage-${count++}`,
  operators: [
    { id: 'a', upstream: [], seconds, fails: false },
    { id: 'b', upstream: ['a'], seconds: 0, fails: false },
  ],
  endOf: { a: 'succeeded', b: 'succeeded' },
  end: 'succeeded',
})

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly code: unknown
}

async function tryToSubmit({ url }: Member, plan: RunPlan): Promise<Answer> {
  const answer = await fetch(`${url}/api/v1/runs`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer test-token',
      'content-type': 'application/yaml',
      'idempotency-key': plan.name,
    },
    body: documentOf(plan, ledger),
    signal: AbortSignal.timeout(10_000),
  })
  const { code = null } = (await answer.json()) as { readonly code?: unknown }
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), code }
}

async function checksOf(member: Member): Promise<Readonly<Record<string, string>>> {
  const { body } = await member.readiness()
  return (JSON.parse(body) as { readonly checks: Readonly<Record<string, string>> }).checks
}

interface Outage {
  readonly name: string
  begin(): Promise<void>
  end(): Promise<void>
  /** The checks that fail meanwhile. */
  readonly schedulers: string
  readonly worker: string | null
  readonly refusal: Pick<Answer, 'status' | 'code'>
}

const storeAway = {
  schedulers: 'database',
  worker: null,
  refusal: { status: 503, code: 'STORE_UNAVAILABLE' },
}
const brokerAway = {
  schedulers: 'broker',
  worker: 'broker',
  refusal: { status: 503, code: 'BROKER_UNAVAILABLE' },
}

const outages: readonly Outage[] = [
  {
    name: 'the broker is killed and comes back with its data',
    begin: () => fleet.rabbit.kill(),
    end: () => fleet.rabbit.startAgain(),
    ...brokerAway,
  },
  {
    name: 'the broker blocks publishers for want of memory',
    begin: () => fleet.rabbit.raiseMemoryAlarm(),
    end: () => fleet.rabbit.clearMemoryAlarm(),
    ...brokerAway,
  },
  {
    name: 'the broker blocks publishers for want of disk',
    begin: () => fleet.rabbit.raiseDiskAlarm(),
    end: () => fleet.rabbit.clearDiskAlarm(),
    ...brokerAway,
  },
  {
    name: 'the database is stopped and started',
    begin: () => fleet.postgres.stop('immediate'),
    end: () => fleet.postgres.startAgain(),
    ...storeAway,
  },
  {
    name: 'the database can only be read',
    begin: () => fleet.postgres.setReadOnly(true),
    end: () => fleet.postgres.setReadOnly(false),
    ...storeAway,
  },
  {
    name: 'the database does not answer',
    begin: () => fleet.postgres.freeze(),
    end: () => fleet.postgres.thaw(),
    ...storeAway,
  },
  {
    name: 'the disk under the artifacts is full',
    begin: () => disk.fill(),
    end: () => disk.clear(),
    schedulers: 'artifact_store',
    worker: 'disk',
    refusal: { status: 507, code: 'STORE_FULL' },
  },
]

test.each(outages)('$name: refused with a time to come back, then all goes on', async (outage) => {
  await submitter.submit(planned())
  await submitter.submit(planned())
  const beganAt = Date.now()
  await outage.begin()
  const refused = planned()
  try {
    for (const scheduler of fleet.schedulers) {
      await expect.poll(async () => (await checksOf(scheduler))[outage.schedulers]).not.toBe('ok')
      await expect.poll(async () => (await scheduler.readiness()).status).toBe(503)
      // Until the outage counts as one, a run is accepted where it can be stored.
      await expect.poll(() => tryToSubmit(scheduler, refused)).toMatchObject(outage.refusal)
      const { retryAfter } = await tryToSubmit(scheduler, refused)
      expect(Number(retryAfter)).toBeGreaterThan(0)
    }
    const { worker } = outage
    for (const member of fleet.workers)
      if (worker === null) await expect.poll(async () => (await member.readiness()).status).toBe(200)
      else {
        await expect.poll(async () => (await checksOf(member))[worker]).not.toBe('ok')
        await expect.poll(async () => (await member.readiness()).status).toBe(503)
      }
  } finally {
    await outage.end()
    faults.push({ kind: 'broker_killed', target: outage.name, beganAt, endedAt: Date.now() })
  }
  await Promise.all(fleet.members.map((member) => member.ready()))
  await submitter.submit(refused)
  await untilFinished()
})

test('clocks jump an hour ahead and two hours back: what runs is neither timed out nor forgotten', async () => {
  await submitter.submit(planned(3))
  const { id } = submitter.accepted.at(-1) ?? { id: '' }
  const [scheduler] = fleet.schedulers
  const stateOfFirst = async (): Promise<string | undefined> =>
    (await scheduler?.api.run(id))?.operators.find((each) => each.id === 'a')?.state
  await expect.poll(stateOfFirst).toBe('running')
  for (const hours of [1, -1]) {
    await clock.set(hours * 3_600)
    for (const member of fleet.members) {
      await expect.poll(() => hoursAhead(member)).toBe(hours)
      await expect.poll(async () => (await member.readiness()).status).toBe(200)
    }
    // What is measured by the time of day goes on as if nothing had happened.
    await submitter.submit(planned(0))
    const made = await scheduler?.api.json<{ created_at: string }>(
      'GET',
      `/api/v1/runs/${submitter.accepted.at(-1)?.id}`,
    )
    expect(Math.abs(Date.parse(made?.created_at ?? '') - Date.now())).toBeLessThan(600_000)
  }
  await untilFinished()
  expect((await scheduler?.api.run(id))?.operators.map(({ attempt }) => attempt)).toEqual([1, 1])
  await clock.set(0)
})

test('after all of it nothing accepted is lost, every operator has taken effect once, and nothing is left behind', async () => {
  const evidence = await gatherEvidence(fleet, submitter.accepted, faults, ledger)
  expect(prove(evidence).violations).toEqual([])
  expect(evidence.runs.length).toBeGreaterThanOrEqual(3 * outages.length)
})

/** By the `Date` of its answers, which is the time of day that its process is told. */
async function hoursAhead({ url }: Member): Promise<number> {
  const answer = await fetch(`${url}/healthz`)
  await answer.arrayBuffer()
  return Math.round((Date.parse(answer.headers.get('date') ?? '') - Date.now()) / 3_600_000)
}

async function untilFinished(): Promise<void> {
  const [scheduler] = fleet.schedulers
  for (const { id } of submitter.accepted) {
    const run = await scheduler?.api.waitFor(id, finalStates)
    expect(run?.state, JSON.stringify(run?.operators.map(({ error }) => error))).toBe('succeeded')
  }
}
