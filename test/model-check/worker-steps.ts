/** The workers: packages/tasks/src/worker/{queue-worker,running-attempt,heartbeat}.ts, one slot each. */
import { withEvent, withWorker, type EventMessage, type Execution, type State, type Worker } from './state.ts'
import { afterFault, canFault, type Rules, type Step } from './step.ts'

export function* workerSteps(state: State, rules: Rules): Generator<Step> {
  for (const [index, worker] of state.workers.entries()) {
    if (worker.isFrozen) continue
    if (worker.link === 'up') {
      yield* take(state, index, worker)
      yield* tellStarted(state, index, worker, rules)
      yield* handOver(state, index, worker, rules)
      yield* tell(state, index, worker, rules)
    }
    yield* settle(state, index, worker)
  }
}

/** Acks that workers owe. */
export function* ackSteps(state: State): Generator<Step> {
  for (const [index, worker] of state.workers.entries())
    if (!worker.isFrozen) yield* settle(state, index, worker)
}

const withExecution = (state: State, index: number, execution: Execution | null): State =>
  withWorker(state, index, { execution })

/** `#onDelivery`: started, attached to what runs already, answered from memory, or refused because it was revoked. */
function* take(state: State, index: number, worker: Worker): Generator<Step> {
  const { name, execution, told, revoked } = worker
  for (const id of new Set(state.tasks)) {
    const at = state.tasks.indexOf(id)
    const taken = { ...state, tasks: state.tasks.filter((_, one) => one !== at) }
    const label = `worker ${name} gets ${id}`
    const before = told.find((one) => one.id === id)
    if (execution?.id === id) {
      // Once the lease guards it, a delivery more is acked as it comes.
      const isAcked = execution.phase === 'leased'
      yield {
        label: `${label} again${isAcked ? ', acks it' : ''}`,
        fairness: 'fair',
        next: isAcked
          ? taken
          : withExecution(taken, index, { ...execution, deliveries: execution.deliveries + 1 }),
      }
    } else if (execution !== null) continue
    else if (before !== undefined)
      yield {
        label: `${label}, which it has done; tells it again`,
        fairness: 'fair',
        next: withEvent(taken, { kind: before.kind, id, worker: name }),
      }
    else if (revoked.includes(id))
      yield {
        label: `${label}, which is revoked`,
        fairness: 'fair',
        next: withEvent(taken, { kind: 'revoked', id, worker: name }),
      }
    else
      yield {
        label: `${label} and starts it`,
        fairness: 'fair',
        next: withExecution(taken, index, { id, phase: 'running', isStartTold: false, deliveries: 1 }),
      }
  }
}

/** `#tellStarted`: once, in one try. */
function* tellStarted(state: State, index: number, worker: Worker, rules: Rules): Generator<Step> {
  const { name, execution } = worker
  if (execution?.phase !== 'running' || execution.isStartTold) return
  const next = withExecution(state, index, { ...execution, isStartTold: true })
  const label = `worker ${name} tells STARTED of ${execution.id}`
  yield {
    label,
    fairness: 'fair',
    next: withEvent(next, { kind: 'started', id: execution.id, worker: name, isLeased: false }),
  }
  if (canFault(state, rules, 'lost message'))
    yield { label: `${label}, it is lost`, fairness: 'fault', next: afterFault(next, 'lost message') }
}

/** Hand-over: STARTED (leased) until the broker has confirmed it; only then the acks. */
function* handOver(state: State, index: number, worker: Worker, rules: Rules): Generator<Step> {
  const { name, execution } = worker
  if (execution === null || !execution.isStartTold) return
  const { id, phase } = execution
  const message: EventMessage = { kind: 'started', id, worker: name, isLeased: true }
  const label = `worker ${name} tells STARTED (leased) of ${id}`
  if (rules.planted.has('ack before confirm')) {
    if (phase === 'running')
      yield {
        label: `worker ${name} acks ${id}`,
        fairness: 'fair',
        next: withExecution(state, index, { ...execution, phase: 'acked', deliveries: 0 }),
      }
    if (phase === 'acked')
      yield {
        label,
        fairness: 'fair',
        next: withExecution(withEvent(state, message), index, { ...execution, phase: 'leased' }),
      }
    return
  }
  if (phase !== 'running') return
  yield {
    label,
    fairness: 'fair',
    next: withExecution(withEvent(state, message), index, { ...execution, phase: 'offered' }),
  }
  // The broker has it, the worker does not know: it says so again.
  if (canFault(state, rules, 'lost confirm'))
    yield {
      label: `${label}, the confirm is lost`,
      fairness: 'fault',
      next: afterFault(withEvent(state, message), 'lost confirm'),
    }
}

/** The executor is done; the outcome is published until it is confirmed. */
function* tell(state: State, index: number, worker: Worker, rules: Rules): Generator<Step> {
  const { name, execution, told } = worker
  if (execution === null || execution.phase === 'told') return
  const { id } = execution
  for (const kind of rules.canFail ? (['succeeded', 'failed'] as const) : (['succeeded'] as const)) {
    const label = `worker ${name} tells that ${id} has ${kind}`
    const published = withEvent(state, { kind, id, worker: name })
    yield {
      label,
      fairness: 'fair',
      next: withWorker(published, index, {
        execution: { ...execution, phase: 'told' },
        told: [...told, { id, kind }],
      }),
    }
    if (canFault(state, rules, 'lost confirm'))
      yield {
        label: `${label}, the confirm is lost`,
        fairness: 'fault',
        next: afterFault(published, 'lost confirm'),
      }
  }
}

/** Acks: of a hand-over, and of an outcome. On a connection that is gone they do nothing: the broker delivers again. */
function* settle(state: State, index: number, { name, execution }: Worker): Generator<Step> {
  if (execution?.phase === 'offered')
    yield {
      label: `worker ${name} acks ${execution.id}: it is handed over`,
      fairness: 'fair',
      next: withExecution(state, index, { ...execution, phase: 'leased', deliveries: 0 }),
    }
  if (execution?.phase === 'told')
    yield {
      label: `worker ${name} acks ${execution.id}`,
      fairness: 'fair',
      next: withExecution(state, index, null),
    }
}

/** Remote control: heard by those who are connected. A revocation is remembered, and stops what runs. */
export function revokeAtWorkers(state: State, ids: readonly string[]): State {
  let next = state
  for (const id of ids)
    for (const [index, worker] of next.workers.entries()) {
      if (worker.isFrozen || worker.link !== 'up' || worker.revoked.includes(id)) continue
      const { execution, told } = worker
      const stops = execution?.id === id && execution.phase !== 'told' ? execution : null
      next = withWorker(next, index, {
        revoked: [...worker.revoked, id].toSorted(),
        ...(stops === null
          ? {}
          : {
              execution: { ...stops, phase: 'told' as const },
              told: [...told, { id, kind: 'revoked' as const }],
            }),
      })
      if (stops !== null) next = withEvent(next, { kind: 'revoked', id, worker: worker.name })
    }
  return next
}

/** What a heartbeat of the worker says now: what it runs, until its outcome is confirmed. */
export const listedBy = ({
  execution,
}: Worker): { leases: readonly string[]; handedOver: readonly string[] } =>
  execution === null || execution.phase === 'told' || !execution.isStartTold
    ? { leases: [], handedOver: [] }
    : { leases: [execution.id], handedOver: execution.phase === 'leased' ? [execution.id] : [] }
