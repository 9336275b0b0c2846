/**
 * The world of the model: one run on one partition, two schedulers, two workers, one broker, one database row. Everything
 * is immutable data, so that a state can be compared, kept and printed. Time is left out: what takes time (a lease that
 * is overdue, a retry that is due) is a step of its own that may happen whenever its cause holds.
 */
import {
  defaultRetryPolicy,
  newOperatorTask,
  type DagPlan,
  type Effect,
  type EngineEvent,
  type OperatorTask,
  type RunHead,
} from '@celeriac/core'
import type { Bounds } from './bounds.ts'

/** The rows of a run: what the database holds, or a scheduler's copy of it. */
export interface Rows {
  readonly head: RunHead
  readonly tasks: readonly OperatorTask[]
}

/** What lies in the partition's event queue. `id`: an attempt's. */
export type EventMessage =
  | { readonly kind: 'created' | 'cancel' }
  | {
      readonly kind: 'started'
      readonly id: string
      readonly worker: string
      readonly isLeased: boolean
    }
  | {
      readonly kind: 'succeeded' | 'failed' | 'revoked' | 'returned'
      readonly id: string
      readonly worker: string
    }
  /** A probe that its sender recognises when it comes back: all that was before it has been seen. */
  | { readonly kind: 'mark'; readonly sender: string; readonly epoch: number; readonly mark: number }

/** How a process sees its connection. `dropped`: the broker has closed it, the process does not know yet. */
export type Link = 'up' | 'dropped' | 'off'

/** apps/scheduler/src/engine/engine.ts: one batch on its way, of one event. */
export interface Batch {
  readonly stage: 'decided' | 'committed' | 'published'
  /** What it answers for; null for an event of the scheduler's own. */
  readonly delivery: EventMessage | null
  /** The delivery can still be acked: the connection that brought it lives. */
  readonly isOurs: boolean
  readonly epoch: number
  readonly before: Rows
  readonly after: Rows
  readonly effects: readonly Effect[]
}

/** What the owner knows about the lease of a running attempt. */
export interface Lease {
  readonly id: string
  readonly worker: string
  /** Set while it is overdue: the mark that must come back before it counts as expired. */
  readonly mark: number | null
}

export interface Scheduler {
  readonly name: string
  readonly isFrozen: boolean
  readonly link: Link
  /** False: cut off from the database. */
  readonly hasDatabase: boolean
  /** Under which it owns the partition; null when it does not. */
  readonly epoch: number | null
  /** Its copy of the run, ahead of the database while a batch is being committed. */
  readonly memory: Rows | null
  /** Events of its own that wait: recovery, confirms. */
  readonly owed: readonly EngineEvent[]
  readonly batch: Batch | null
  /** By ordinal. */
  readonly leases: readonly (Lease | null)[]
  readonly marks: number
  /** Attempts that it has replaced or ended by a committed batch. */
  readonly ended: readonly string[]
}

/**
 * An attempt at a worker: `running` → (`offered` → `leased`) → `told`. `offered`: the leased STARTED is confirmed, the
 * delivery not acked yet. `told`: the outcome is confirmed, the delivery not acked yet. `acked`: only by a planted bug.
 */
export interface Execution {
  readonly id: string
  readonly phase: 'running' | 'offered' | 'leased' | 'told' | 'acked'
  readonly isStartTold: boolean
  /** Deliveries of it that this worker holds unacked. */
  readonly deliveries: number
}

export interface Worker {
  readonly name: string
  readonly isFrozen: boolean
  readonly link: Link
  readonly execution: Execution | null
  /** Attempts whose outcome it has told: a repeated delivery is answered again. */
  readonly told: readonly { readonly id: string; readonly kind: 'succeeded' | 'failed' | 'revoked' }[]
  readonly revoked: readonly string[]
  /** A heartbeat that was sent and has not arrived. */
  readonly lateBeat: Heartbeat | null
}

export interface Heartbeat {
  readonly leases: readonly string[]
  readonly handedOver: readonly string[]
}

export const faultKinds = [
  'crash scheduler',
  'freeze scheduler',
  'cut scheduler',
  'cut scheduler from database',
  'hand partition over',
  'lost commit answer',
  'crash worker',
  'freeze worker',
  'cut worker',
  'stop worker',
  'lost confirm',
  'lost message',
  'duplicate task',
  'duplicate event',
  'late heartbeat',
  'lost heartbeats',
  'cancel',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface State {
  readonly epoch: number
  readonly row: Rows
  readonly events: readonly EventMessage[]
  /** The scheduler whose consumer is active; null when none is connected. */
  readonly active: number | null
  /** Attempt ids in the executor queue; their order does not matter. */
  readonly tasks: readonly string[]
  readonly schedulers: readonly Scheduler[]
  readonly workers: readonly Worker[]
  /** Faults that may still happen, in all. */
  readonly faultsLeft: number
  /** One of those that did took an attempt from its worker, made it look so, or made a second one run it. */
  readonly isWorkerAtFault: boolean
}

/** One operator, or a chain of them. */
export const chainOf = (length: number, retries: number): DagPlan => ({
  operators: Array.from({ length }, (_, ordinal) => ({
    ordinal,
    id: `op${ordinal}`,
    algoName: 'algo_local_pass_through',
    executor: 'local',
    params: {},
    inputs: [],
    upstream: ordinal === 0 ? [] : [ordinal - 1],
    downstream: ordinal === length - 1 ? [] : [ordinal + 1],
    triggerRule: 'all_success' as const,
    retry: { ...defaultRetryPolicy, jitter: false, max: retries },
    timeoutMs: null,
  })),
})

export function initialState(bounds: Bounds): State {
  const head: RunHead = {
    id: 'run',
    dagId: 'dag',
    dagVersion: 1,
    partition: 0,
    state: 'queued',
    version: 0,
    createdAt: 0,
    startedAt: null,
    finishedAt: null,
    cancelDeadlineAt: null,
    datasets: {},
  }
  const tasks = Array.from({ length: bounds.operators }, (_, ordinal) => newOperatorTask(ordinal))
  const scheduler = (name: string): Scheduler => ({
    name,
    isFrozen: false,
    link: 'up',
    hasDatabase: true,
    epoch: null,
    memory: null,
    owed: [],
    batch: null,
    leases: tasks.map(() => null),
    marks: 0,
    ended: [],
  })
  const worker = (name: string): Worker => ({
    name,
    isFrozen: false,
    link: 'up',
    execution: null,
    told: [],
    revoked: [],
    lateBeat: null,
  })
  return {
    epoch: 0,
    row: { head, tasks },
    events: [{ kind: 'created' }],
    active: 0,
    tasks: [],
    schedulers: [scheduler('A'), scheduler('B')],
    workers: [worker('1'), worker('2')],
    faultsLeft: bounds.faults,
    isWorkerAtFault: false,
  }
}

/** The task whose current attempt in flight this is. */
export const currentTask = (rows: Rows, id: string): OperatorTask | undefined =>
  rows.tasks.find(
    ({ attemptId, state }) =>
      attemptId === id && (state === 'ready' || state === 'queued' || state === 'running'),
  )

export const withScheduler = (state: State, index: number, change: Partial<Scheduler>): State => ({
  ...state,
  schedulers: state.schedulers.map((one, at) => (at === index ? { ...one, ...change } : one)),
})

export const withWorker = (state: State, index: number, change: Partial<Worker>): State => ({
  ...state,
  workers: state.workers.map((one, at) => (at === index ? { ...one, ...change } : one)),
})

export const withEvent = (state: State, message: EventMessage): State => ({
  ...state,
  events: [...state.events, message],
})
