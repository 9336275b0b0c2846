import { isInFlightTaskState } from '@celeriac/core'
import type { PlantedError } from './bounds.ts'
import type { FaultKind, Rows, Scheduler, State } from './state.ts'

/**
 * A transition. `fair`: it happens sooner or later, so that progress may rely on it. `unfair`: it may happen (a stopped
 * process wakes up), and nothing may rely on it. `fault`: unfair, and limited in number.
 */
export interface Step {
  readonly label: string
  readonly fairness: 'fair' | 'unfair' | 'fault'
  readonly next: State
  /** What is wrong with having taken this step. */
  readonly violation?: string
}

export interface Rules {
  readonly planted: ReadonlySet<PlantedError>
  readonly retries: number
  readonly canFail: boolean
  readonly kinds: ReadonlySet<FaultKind>
}

export const canFault = (state: State, rules: Rules, kind: FaultKind): boolean =>
  state.faultsLeft > 0 && rules.kinds.has(kind)

/** Faults that take an attempt from its worker, make it look so, or make a second one run it. */
const workerFaults: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'crash worker',
  'freeze worker',
  'cut worker',
  'stop worker',
  'lost heartbeats',
  'lost confirm',
  'duplicate task',
])

export const afterFault = (state: State, kind: FaultKind): State => ({
  ...state,
  faultsLeft: state.faultsLeft - 1,
  isWorkerAtFault: state.isWorkerAtFault || workerFaults.has(kind),
})

/**
 * A scheduler without a connection, after somebody else has claimed the partition: whatever it still decides is fenced off,
 * and what it has committed before is the next owner's to send. So what it has in memory makes no difference any more.
 */
function withoutGhosts(state: State): State {
  const isGhost = ({ link, epoch, batch, memory }: Scheduler): boolean =>
    link !== 'up' && (memory !== null || batch !== null) && (epoch ?? batch?.epoch ?? 0) < state.epoch
  if (!state.schedulers.some(isGhost)) return state
  return {
    ...state,
    schedulers: state.schedulers.map((one) =>
      isGhost(one)
        ? {
            ...one,
            epoch: null,
            memory: null,
            owed: [],
            batch: null,
            leases: one.leases.map(() => null),
            marks: 0,
            ended: [],
          }
        : one,
    ),
  }
}

/**
 * Drops what can have no effect any more, so that histories that differ only in it are one state: what a worker remembers
 * of attempts that nobody will send or ask for again.
 */
export function forgetful(before: State, { planted }: Rules): State {
  const isFenced = !planted.has('no epoch fence') && !planted.has('revocation without a fence')
  const state = isFenced ? withoutGhosts(before) : before
  const alive = new Set<string>(state.tasks)
  const keep = (rows: Rows | null): void => {
    for (const { attemptId, state: taskState } of rows?.tasks ?? [])
      if (attemptId !== null && isInFlightTaskState(taskState)) alive.add(attemptId)
  }
  keep(state.row)
  for (const { memory, batch } of state.schedulers) {
    keep(memory)
    keep(batch?.before ?? null)
    keep(batch?.after ?? null)
  }
  const listed = new Set(
    state.workers.flatMap(({ execution, lateBeat }) => [
      ...(execution === null ? [] : [execution.id]),
      ...(lateBeat?.leases ?? []),
    ]),
  )
  const workers = state.workers.map((worker) => {
    const told = worker.told.filter(({ id }) => alive.has(id))
    const revoked = worker.revoked.filter((id) => alive.has(id) || worker.execution?.id === id)
    return told.length === worker.told.length && revoked.length === worker.revoked.length
      ? worker
      : { ...worker, told, revoked }
  })
  const schedulers = state.schedulers.map((scheduler) => {
    const ended = scheduler.ended.filter((id) => alive.has(id) || listed.has(id))
    return ended.length === scheduler.ended.length ? scheduler : { ...scheduler, ended }
  })
  return { ...state, workers, schedulers }
}
