import { execFileSync } from 'node:child_process'
import type { Fleet, Member, Role } from '../support/fleet.ts'
import { drawsOf } from './draws.ts'

interface FaultKindFacts {
  readonly target: Role | 'service'
  /** How long it lasts at least and at most. */
  readonly seconds: readonly [number, number]
  begin(fleet: Fleet, member: Member): void | Promise<void>
  end(fleet: Fleet, member: Member): void | Promise<void>
}

const nothing = (): void => undefined
const signalTo =
  (signal: NodeJS.Signals) =>
  (_fleet: Fleet, member: Member): void =>
    member.process.signal(signal)
const killed = {
  begin: (_fleet: Fleet, member: Member) => member.kill(),
  end: (_fleet: Fleet, member: Member) => member.startAgain(),
}
const frozen = { begin: signalTo('SIGSTOP'), end: signalTo('SIGCONT') }
const cutOffFrom = (service: 'broker' | 'database') => ({
  begin: (_fleet: Fleet, member: Member) => member.cutOff(service),
  end: (_fleet: Fleet, member: Member) => member.join(service),
})
const resetOf = (service: 'broker' | 'database') => ({
  begin: (_fleet: Fleet, member: Member) => member.reset(service),
  end: nothing,
})

/** What can happen. Stops and cuts last longer than it takes to be given up: who comes back finds its work elsewhere. */
export const faultKinds = {
  worker_killed: { target: 'worker', seconds: [0, 2], ...killed },
  worker_frozen: { target: 'worker', seconds: [5, 9], ...frozen },
  worker_cut_off: { target: 'worker', seconds: [5, 9], ...cutOffFrom('broker') },
  worker_reset: { target: 'worker', seconds: [0, 0], ...resetOf('broker') },
  child_killed: { target: 'worker', seconds: [0, 0], begin: killChild, end: nothing },
  scheduler_killed: { target: 'scheduler', seconds: [0, 2], ...killed },
  scheduler_frozen: { target: 'scheduler', seconds: [5, 9], ...frozen },
  scheduler_cut_off_broker: { target: 'scheduler', seconds: [5, 9], ...cutOffFrom('broker') },
  scheduler_cut_off_database: { target: 'scheduler', seconds: [5, 9], ...cutOffFrom('database') },
  scheduler_reset: { target: 'scheduler', seconds: [0, 0], ...resetOf('database') },
  broker_killed: {
    target: 'service',
    seconds: [0, 1],
    begin: ({ rabbit }) => rabbit.kill(),
    end: ({ rabbit }) => rabbit.startAgain(),
  },
  broker_restarted: {
    target: 'service',
    seconds: [0, 1],
    begin: ({ rabbit }) => rabbit.stop(),
    end: ({ rabbit }) => rabbit.startAgain(),
  },
  broker_blocked: {
    target: 'service',
    seconds: [3, 5],
    begin: ({ rabbit }) => rabbit.raiseMemoryAlarm(),
    end: ({ rabbit }) => rabbit.clearMemoryAlarm(),
  },
  broker_frozen: {
    target: 'service',
    seconds: [5, 7],
    begin: ({ rabbit }) => rabbit.freeze(),
    end: ({ rabbit }) => rabbit.thaw(),
  },
  database_crashed: {
    target: 'service',
    seconds: [0, 2],
    begin: ({ postgres }) => postgres.stop('immediate'),
    end: ({ postgres }) => postgres.startAgain(),
  },
  database_restarted: {
    target: 'service',
    seconds: [0, 2],
    begin: ({ postgres }) => postgres.stop('fast'),
    end: ({ postgres }) => postgres.startAgain(),
  },
  database_frozen: {
    target: 'service',
    seconds: [3, 6],
    begin: ({ postgres }) => postgres.freeze(),
    end: ({ postgres }) => postgres.thaw(),
  },
  database_read_only: {
    target: 'service',
    seconds: [3, 5],
    begin: ({ postgres }) => postgres.setReadOnly(true),
    end: ({ postgres }) => postgres.setReadOnly(false),
  },
} as const satisfies Readonly<Record<string, FaultKindFacts>>

export type FaultKind = keyof typeof faultKinds
export const faultKindNames = Object.keys(faultKinds) as readonly FaultKind[]

export interface PlannedFault {
  readonly kind: FaultKind
  readonly seconds: number
  /** Which of the members that are well, from 0 to 1. */
  readonly draw: number
}

export interface Fault {
  readonly kind: FaultKind
  readonly target: string
  readonly beganAt: number
  /** When it was over: a member that was killed has been started again, and is ready later. */
  readonly endedAt: number
}

/** Every kind comes once before one comes again. */
export function planFaults(
  seed: number,
  count: number,
  kinds: readonly FaultKind[] = faultKindNames,
): PlannedFault[] {
  const draws = drawsOf(seed)
  const planned: PlannedFault[] = []
  let left: FaultKind[] = []
  while (planned.length < count) {
    if (left.length === 0) left = [...kinds]
    const kind = draws.oneOf(left)
    left = left.filter((each) => each !== kind)
    const [least, most] = faultKinds[kind].seconds
    planned.push({ kind, seconds: draws.between(least, most), draw: draws.unit() })
  }
  return planned
}

/** One process of the worker's Python pool, as the kernel does it when memory runs out. */
function killChild(_fleet: Fleet, member: Member): void {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const parents = new Map(rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]))
  const parentPids = new Set(parents.values())
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent !== undefined && (parent === member.process.child.pid || isBelow(parent))
  }
  const victim = [...parents.keys()].find((pid) => !parentPids.has(pid) && isBelow(pid))
  if (victim !== undefined) process.kill(victim, 'SIGKILL')
}
