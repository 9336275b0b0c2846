import { isFinalRunState } from '@celeriac/core'
import { Faults } from './faults.ts'
import type { Violation } from './invariants/violation.ts'
import { Users } from './users.ts'
import { drawWorkload } from './workload.ts'
import { World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  readonly violation: Violation | null
  /** Of the whole run: equal for equal runs. */
  readonly digest: number
  readonly steps: number
  readonly virtualMs: number
  readonly faults: number
  readonly executions: number
}

export interface SeedOptions {
  /** Is told the story, line by line. */
  readonly story?: (at: number, what: string) => void
}

/** Every accepted run ends within this time once faults have stopped: time limits, their grace, retries and losses included. */
const patienceMs = 600_000
/** Until everything that was on its way has arrived, and leases have run out. */
const aftermathMs = 25_000

/** Runs one seed from its beginning until every run is final and everything has come to rest, or something is wrong. */
export async function simulateSeed(seed: number, { story }: SeedOptions = {}): Promise<SeedResult> {
  const world = new World(seed, story ?? (() => {}), story !== undefined)
  const { loop, watch, weather, database, executions } = world
  const users = new Users(world, drawWorkload(seed))
  const faults = new Faults(world)
  world.tell(() => `weather ${JSON.stringify({ ...weather, faults: [...weather.faults] })}`)
  for (const machine of world.machines) machine.start(world.random.between(0, 500))
  users.start()
  faults.start()
  const isOver = (): boolean =>
    users.isDone &&
    !world.isFaulty &&
    database.runs.size > 0 &&
    [...database.runs.values()].every(({ head }) => isFinalRunState(head.state))
  let overAt: number | null = null
  await loop.run(weather.faultyMs + patienceMs, () => {
    if (watch.violation !== null) return true
    if (!isOver()) overAt = null
    else overAt ??= loop.now
    return overAt !== null && loop.now - overAt > aftermathMs
  })
  if (watch.violation === null) judgeEnd(world, users, overAt !== null)
  for (const line of world.standings()) world.tell(() => line)
  const { steps, digest, now } = loop
  const { violation } = watch
  return {
    seed,
    violation,
    digest,
    steps,
    virtualMs: Math.round(now),
    faults: faults.count,
    executions: executions.all.length,
  }
}

/** What can be said at the end only. */
function judgeEnd(world: World, users: Users, isOver: boolean): void {
  const { watch, database, executions, weather } = world
  if (!isOver) {
    const open = [...database.runs.values()].filter(({ head }) => !isFinalRunState(head.state))
    const states = open.map(
      ({ head, tasks }) => `${head.id} ${head.state}: ${tasks.map(({ state }) => state).join()}`,
    )
    return watch.fail(
      'terminates',
      users.isDone ? states.join('; ') : `users still wait; ${states.join('; ')}`,
    )
  }
  const running = executions.running()
  if (running.length > 0)
    watch.fail(
      'nothing_left',
      `still runs: ${running.map(({ attempt }) => watch.nameOf(attempt.attemptId)).join()}`,
    )
  const leftovers = watch.leftovers()
  if (leftovers.length > 0) watch.fail('nothing_left', `the broker still holds ${leftovers.join()}`)
  for (const [runId] of users.rerunOf)
    if ((watch.restarts.get(runId) ?? 0) === 0) watch.fail('rerun_is_heard', `${runId} was not run again`)
  if (weather.faultyMs > 0) return
  const seen = new Set<string>()
  for (const { attempt } of executions.all) {
    if (seen.has(attempt.attemptId))
      watch.fail('no_needless_execution', `${watch.nameOf(attempt.attemptId)} ran more than once`)
    seen.add(attempt.attemptId)
  }
}
