/** The pure middle of the engine: what apps/scheduler/src/engine/{incoming,batch-draft,recovery}.ts do with one event. */
import { advance, applyAdvance, assembleRun, type Effect, type EngineEvent } from '@celeriac/core'
import { recoveryEvents } from '../../apps/scheduler/src/engine/recovery.ts'
import { chainOf, currentTask, type EventMessage, type Lease, type Rows } from './state.ts'
import type { Rules } from './step.ts'

export interface Decision {
  readonly after: Rows
  readonly effects: readonly Effect[]
  /** A transition that core's table does not have. */
  readonly illegal?: string
}

/** core's `advance`, with ids that tell who made them: two schedulers never make the same one. */
export function decide(rows: Rows, event: EngineEvent, scheduler: string, rules: Rules): Decision {
  const run = assembleRun(rows.head, planOf(rows, rules), rows.tasks)
  let made = rows.tasks.reduce((sum, { attempt }) => sum + attempt, 0)
  const result = advance(run, event, {
    now: 0,
    draw: 0,
    newAttemptId: () => `${scheduler}${++made}`,
    cancelGraceMs: 0,
  })
  switch (result.kind) {
    case 'ignored':
      return { after: rows, effects: [] }
    case 'illegal':
      return { after: rows, effects: [], illegal: `${result.event}: ${result.from} → ${result.to}` }
    case 'applied': {
      applyAdvance(run, result)
      const after = { head: run.head, tasks: [...run.tasks] }
      return { after: plant(rows, after, event, rules), effects: result.effects }
    }
  }
}

const plans = new Map<string, ReturnType<typeof chainOf>>()
function planOf({ tasks }: Rows, { retries }: Rules): ReturnType<typeof chainOf> {
  const key = `${tasks.length}/${retries}`
  const plan = plans.get(key) ?? chainOf(tasks.length, retries)
  plans.set(key, plan)
  return plan
}

/** Errors that are planted into core's answer. */
function plant(before: Rows, after: Rows, event: EngineEvent, { planted }: Rules): Rows {
  if (event.type === 'lease_expired' && planted.has('expiry without a new attempt')) {
    const task = before.tasks[event.ordinal]
    if (task?.isLeased === true && task.attempt !== after.tasks[event.ordinal]?.attempt)
      return withTask(after, { ...task, state: 'queued', worker: null })
  }
  return after
}

export const withTask = (rows: Rows, task: Rows['tasks'][number]): Rows => ({
  ...rows,
  tasks: rows.tasks.map((one) => (one.ordinal === task.ordinal ? task : one)),
})

/** `readIncoming`: the event that a delivery means to this owner, or what else is to be done about it. */
export function readMessage(
  rows: Rows,
  message: EventMessage,
): { readonly event: EngineEvent | null; readonly effects: readonly Effect[] } {
  switch (message.kind) {
    case 'created':
      return { event: { type: 'run_created' }, effects: [] }
    case 'cancel':
      return { event: { type: 'cancel_requested' }, effects: [] }
    case 'mark':
      return { event: null, effects: [] }
    case 'started':
    case 'succeeded':
    case 'failed':
    case 'revoked':
    case 'returned': {
      const task = currentTask(rows, message.id)
      // Somebody has begun what nobody waits for.
      if (task === undefined)
        return {
          event: null,
          effects: message.kind === 'started' ? [{ type: 'revoke', attemptIds: [message.id] }] : [],
        }
      return { event: attemptEvent(message, task.ordinal, task.attempt), effects: [] }
    }
  }
}

function attemptEvent(
  message: Extract<EventMessage, { readonly id: string }>,
  ordinal: number,
  attempt: number,
): EngineEvent {
  const { worker } = message
  const of = { ordinal, attempt }
  switch (message.kind) {
    case 'started':
      return { type: 'started', ...of, worker, startedAt: null, isLeased: message.isLeased }
    case 'succeeded':
      return {
        type: 'succeeded',
        ...of,
        worker,
        startedAt: null,
        result: { outputs: {}, metrics: {}, compat: [] },
      }
    case 'failed': {
      const failure = { code: 'TASK_FAILED', message: 'failed' } as const
      return { type: 'failed', ...of, worker, startedAt: null, failure, retryable: true }
    }
    case 'revoked':
      return { type: 'revoked', ...of, reason: 'revoked' }
    case 'returned':
      return { type: 'returned', ...of, worker }
  }
}

/** What a run is owed that was just loaded. */
export const owedAtLoad = (rows: Rows, rules: Rules): readonly EngineEvent[] =>
  rules.planted.has('no outbox scan')
    ? []
    : recoveryEvents(assembleRun(rows.head, planOf(rows, rules), rows.tasks), true)

/** The leases after the rows have changed: a leased attempt is covered from its hand-over, or from the load, on. */
export const leasesOf = (rows: Rows, known: readonly (Lease | null)[]): readonly (Lease | null)[] =>
  rows.tasks.map((task) => {
    if (task.state !== 'running' || task.attemptId === null || task.worker === null) return null
    const lease = known[task.ordinal] ?? null
    if (lease !== null && lease.id === task.attemptId && lease.worker === task.worker) return lease
    return task.isLeased ? { id: task.attemptId, worker: task.worker, mark: null } : null
  })
