import {
  isTaskEvent,
  isWorkerEvent,
  type CeleryEvent,
  type TaskEvent,
  type WorkerEvent,
} from './celery-event.ts'

/** A worker as its events show it. Times are Unix seconds. */
export interface SeenWorker {
  readonly name: string
  /** Of the last event by which it told that it lives. */
  readonly seenAt: number
  /** Seconds between heartbeats. */
  readonly freq: number
  /** It has said that it stops. */
  readonly isGone: boolean
  readonly active: number | null
  readonly processed: number | null
  readonly loadAverage: readonly number[] | null
  /** Name and version of its software. */
  readonly software: string | null
}

/** A task as its events show it; what no event has told is null. Times are Unix seconds. */
export interface SeenTask {
  readonly id: string
  readonly state: SeenTaskState
  readonly name: string | null
  /** Of the worker that has it; null: only its caller has told of it. */
  readonly worker: string | null
  /** Python's repr. */
  readonly args: string | null
  readonly kwargs: string | null
  readonly retries: number | null
  readonly startedAt: number | null
  /** Repr of the result, or of the exception. */
  readonly outcome: string | null
  /** Seconds. */
  readonly runtime: number | null
  /** Of the event that gave the state, in both times. */
  readonly at: number
  readonly clock: number
}

const stateOf = {
  'task-sent': 'PENDING',
  'task-received': 'RECEIVED',
  'task-started': 'STARTED',
  'task-succeeded': 'SUCCESS',
  'task-failed': 'FAILURE',
  'task-retried': 'RETRY',
  'task-rejected': 'REJECTED',
  'task-revoked': 'REVOKED',
} as const satisfies Record<TaskEvent['type'], string>

export type SeenTaskState = (typeof stateOf)[TaskEvent['type']]

/** States that only a retry or a repeated delivery leaves. */
const ended: ReadonlySet<SeenTaskState> = new Set(['SUCCESS', 'FAILURE', 'REJECTED', 'REVOKED'])

/** Seconds between heartbeats of a worker that does not say. */
const defaultFreq = 2
/** Heartbeats that may be missing before a worker counts as lost. */
const missedHeartbeats = 4

export interface ClusterStateOptions {
  /** Tasks remembered; of more, those are forgotten that have not been heard of for the longest time. @default 10,000 */
  readonly maxTasks?: number
}

/**
 * Workers and tasks as their events show them. Events of several senders do not arrive in the order of what they tell: the
 * state of a task is that of its event with the highest logical time; from earlier ones only what was not known is taken.
 */
export class ClusterState {
  readonly #maxTasks: number
  readonly #workers = new Map<string, SeenWorker>()
  readonly #tasks = new Map<string, SeenTask>()
  #eventCount = 0

  constructor({ maxTasks = 10_000 }: ClusterStateOptions = {}) {
    this.#maxTasks = maxTasks
  }

  add(event: CeleryEvent): void {
    this.#eventCount++
    if (isWorkerEvent(event)) this.#addWorkerEvent(event)
    else if (isTaskEvent(event)) this.#addTaskEvent(event)
  }

  /** Events so far. */
  get eventCount(): number {
    return this.#eventCount
  }

  /** Those heard of last come last. */
  get tasks(): readonly SeenTask[] {
    return [...this.#tasks.values()]
  }

  /** Sorted by name. */
  get workers(): readonly SeenWorker[] {
    return [...this.#workers.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  #addWorkerEvent(event: WorkerEvent): void {
    const before = this.#workers.get(event.hostname)
    if (before !== undefined && before.seenAt > event.timestamp) return
    const software = [event.sw_ident, event.sw_ver].filter(Boolean).join(' ')
    this.#workers.set(event.hostname, {
      name: event.hostname,
      seenAt: event.timestamp,
      freq: event.freq ?? before?.freq ?? defaultFreq,
      isGone: event.type === 'worker-offline',
      active: event.active ?? before?.active ?? null,
      processed: event.processed ?? before?.processed ?? null,
      loadAverage: event.loadavg ?? before?.loadAverage ?? null,
      software: software === '' ? (before?.software ?? null) : software,
    })
  }

  #addTaskEvent(event: TaskEvent): void {
    const before = this.#tasks.get(event.uuid)
    const after = before === undefined ? seen(event) : merged(before, seen(event))
    this.#tasks.delete(event.uuid)
    this.#tasks.set(event.uuid, after)
    const [oldest] = this.#tasks.keys()
    if (this.#tasks.size > this.#maxTasks && oldest !== undefined) this.#tasks.delete(oldest)
  }
}

/** Whether a worker may be thought to live. @param now Unix time in seconds */
export const isAlive = ({ isGone, seenAt, freq }: SeenWorker, now: number): boolean =>
  !isGone && now - seenAt <= freq * missedHeartbeats

export const hasEnded = ({ state }: SeenTask): boolean => ended.has(state)

function seen(event: TaskEvent): SeenTask {
  const isCall = event.type === 'task-sent' || event.type === 'task-received'
  return {
    id: event.uuid,
    state: stateOf[event.type],
    name: isCall ? (event.name ?? null) : null,
    worker: event.type === 'task-sent' ? null : event.hostname,
    args: isCall ? (event.args ?? null) : null,
    kwargs: isCall ? (event.kwargs ?? null) : null,
    retries: isCall ? (event.retries ?? null) : null,
    startedAt: event.type === 'task-started' ? event.timestamp : null,
    outcome: outcomeOf(event),
    runtime: event.type === 'task-succeeded' ? (event.runtime ?? null) : null,
    at: event.timestamp,
    clock: event.clock,
  }
}

function outcomeOf(event: TaskEvent): string | null {
  switch (event.type) {
    case 'task-succeeded':
      return event.result ?? null
    case 'task-failed':
    case 'task-retried':
      return event.exception ?? null
    case 'task-sent':
    case 'task-received':
    case 'task-started':
    case 'task-rejected':
    case 'task-revoked':
      return null
  }
}

/** What the later of the two tells counts; the earlier one fills the gaps. */
function merged(before: SeenTask, next: SeenTask): SeenTask {
  // Clients have no part in the logical time: that a task was sent is known to come first.
  const isLater = next.state !== 'PENDING' && (before.state === 'PENDING' || next.clock >= before.clock)
  const [earlier, later] = isLater ? [before, next] : [next, before]
  // A task that runs once more has no outcome yet.
  const isAgain = later.state === 'RECEIVED' || later.state === 'STARTED'
  return {
    ...later,
    name: later.name ?? earlier.name,
    worker: later.worker ?? earlier.worker,
    args: later.args ?? earlier.args,
    kwargs: later.kwargs ?? earlier.kwargs,
    retries: later.retries ?? earlier.retries,
    startedAt: later.startedAt ?? (later.state === 'RECEIVED' ? null : earlier.startedAt),
    outcome: later.outcome ?? (isAgain ? null : earlier.outcome),
    runtime: later.runtime ?? (isAgain ? null : earlier.runtime),
  }
}
