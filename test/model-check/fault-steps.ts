/** What goes wrong, and what the broker does about it. The last scheduler and the last worker are always spared from standing still. */
import { disowned, givenBack } from './scheduler-steps.ts'
import { withEvent, withScheduler, withWorker, type Scheduler, type State, type Worker } from './state.ts'
import { afterFault, canFault, type Rules, type Step } from './step.ts'

export function* faultSteps(state: State, rules: Rules): Generator<Step> {
  for (const [index, scheduler] of state.schedulers.entries())
    yield* schedulerFaults(state, index, scheduler, rules)
  for (const [index, worker] of state.workers.entries()) yield* workerFaults(state, index, worker, rules)
  yield* messageFaults(state, rules)
}

const canWork = (one: Scheduler | Worker): boolean =>
  !one.isFrozen && one.link === 'up' && (!('hasDatabase' in one) || one.hasDatabase)

const hasPeer = (all: readonly (Scheduler | Worker)[], index: number): boolean =>
  all.some((other, at) => at !== index && canWork(other))

function* schedulerFaults(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, isFrozen, link, hasDatabase } = scheduler
  const peer = hasPeer(state.schedulers, index)
  if (canFault(state, rules, 'crash scheduler') && link !== 'off')
    yield {
      label: `scheduler ${name} is killed and started again`,
      fairness: 'fault',
      next: afterFault(
        connected(
          withScheduler(disowned(dropped(state, index), index), index, { isFrozen: false, owed: [] }),
          index,
        ),
        'crash scheduler',
      ),
    }
  if (canFault(state, rules, 'freeze scheduler') && canWork(scheduler) && peer)
    yield {
      label: `scheduler ${name} is stopped (SIGSTOP)`,
      fairness: 'fault',
      next: afterFault(withScheduler(state, index, { isFrozen: true }), 'freeze scheduler'),
    }
  if (isFrozen) {
    yield {
      label: `scheduler ${name} goes on (SIGCONT)`,
      fairness: 'unfair',
      next: withScheduler(state, index, { isFrozen: false }),
    }
    if (link === 'up')
      yield {
        label: `the broker closes the connection of scheduler ${name}`,
        fairness: 'fair',
        next: dropped(state, index),
      }
  }
  if (canFault(state, rules, 'cut scheduler') && canWork(scheduler) && peer)
    yield {
      label: `scheduler ${name} is cut off from the broker`,
      fairness: 'fault',
      next: afterFault(dropped(state, index), 'cut scheduler'),
    }
  // The consumer is reported lost: the memory of the partition is dropped, a commit under way goes on.
  if (link === 'dropped' && !isFrozen)
    yield {
      label: `scheduler ${name} notices that its connection is gone`,
      fairness: 'fair',
      next: withScheduler(disowned(state, index), index, { link: 'off', batch: scheduler.batch }),
    }
  if (link === 'off' && !isFrozen && hasDatabase)
    yield { label: `scheduler ${name} subscribes again`, fairness: 'unfair', next: connected(state, index) }
  if (canFault(state, rules, 'cut scheduler from database') && canWork(scheduler) && peer)
    yield {
      label: `scheduler ${name} is cut off from the database`,
      fairness: 'fault',
      next: afterFault(withScheduler(state, index, { hasDatabase: false }), 'cut scheduler from database'),
    }
  if (!hasDatabase) {
    if (link === 'up' && !isFrozen)
      yield {
        label: `scheduler ${name} steps down`,
        fairness: 'fair',
        next: withScheduler(disowned(dropped(state, index), index), index, { link: 'off' }),
      }
    yield {
      label: `scheduler ${name} reaches the database again`,
      fairness: 'unfair',
      next: withScheduler(state, index, { hasDatabase: true }),
    }
  }
  if (canFault(state, rules, 'hand partition over') && state.active === index && canWork(scheduler) && peer)
    yield {
      label: `scheduler ${name} hands the partition over`,
      fairness: 'fault',
      // What is on its way goes on: its delivery can still be acked or given back.
      next: afterFault(
        withScheduler({ ...state, active: 1 - index }, index, {
          ...disowned(state, index).schedulers[index],
          batch: scheduler.batch,
        }),
        'hand partition over',
      ),
    }
}

/** The broker closes a scheduler's connection: its delivery goes back, and the next consumer becomes active. */
function dropped(state: State, index: number): State {
  if (state.schedulers[index]?.link !== 'up') return state
  const back = givenBack(state, index)
  const batch = back.schedulers[index]?.batch ?? null
  const next = withScheduler(back, index, {
    link: 'dropped',
    batch: batch === null ? null : { ...batch, isOurs: false },
  })
  if (state.active !== index) return next
  const other = 1 - index
  return { ...next, active: next.schedulers[other]?.link === 'up' ? other : null }
}

const connected = (state: State, index: number): State => ({
  ...withScheduler(state, index, { link: 'up' }),
  active: state.active ?? index,
})

function* workerFaults(state: State, index: number, worker: Worker, rules: Rules): Generator<Step> {
  const { name, isFrozen, link, execution } = worker
  const peer = hasPeer(state.workers, index)
  const fresh: Partial<Worker> = { isFrozen: false, link: 'up', execution: null, told: [], revoked: [] }
  if (canFault(state, rules, 'crash worker'))
    yield {
      label: `worker ${name} is killed and started again under its name`,
      fairness: 'fault',
      next: afterFault(withWorker(requeued(state, index), index, fresh), 'crash worker'),
    }
  if (
    canFault(state, rules, 'stop worker') &&
    canWork(worker) &&
    execution !== null &&
    execution.phase !== 'told'
  ) {
    // handBack: what the lease alone guards is given back to the engine, the rest to the broker.
    const isLeased = execution.phase === 'leased'
    const back = requeued(state, index)
    yield {
      label: `worker ${name} is stopped and hands ${execution.id} back`,
      fairness: 'fault',
      next: afterFault(
        withWorker(
          isLeased ? withEvent(back, { kind: 'returned', id: execution.id, worker: name }) : back,
          index,
          fresh,
        ),
        'stop worker',
      ),
    }
  }
  if (canFault(state, rules, 'freeze worker') && canWork(worker) && peer)
    yield {
      label: `worker ${name} is stopped (SIGSTOP)`,
      fairness: 'fault',
      next: afterFault(withWorker(state, index, { isFrozen: true }), 'freeze worker'),
    }
  if (isFrozen) {
    yield {
      label: `worker ${name} goes on (SIGCONT)`,
      fairness: 'unfair',
      next: withWorker(state, index, { isFrozen: false }),
    }
    if (link === 'up')
      yield {
        label: `the broker closes the connection of worker ${name}`,
        fairness: 'fair',
        next: requeued(state, index),
      }
  }
  if (canFault(state, rules, 'cut worker') && canWork(worker) && peer)
    yield {
      label: `worker ${name} is cut off from the broker`,
      fairness: 'fault',
      next: afterFault(requeued(state, index), 'cut worker'),
    }
  if (link !== 'up' && !isFrozen)
    yield {
      label: `worker ${name} is connected again`,
      fairness: 'unfair',
      next: withWorker(state, index, { link: 'up' }),
    }
}

/** The broker closes a worker's connection: what it holds unacked is delivered to somebody else. */
function requeued(state: State, index: number): State {
  const worker = state.workers[index]
  if (worker?.link !== 'up') return state
  const { execution } = worker
  const back = Array.from({ length: execution?.deliveries ?? 0 }, () => execution?.id ?? '')
  return withWorker({ ...state, tasks: [...state.tasks, ...back].toSorted() }, index, {
    link: 'dropped',
    execution: execution === null ? null : { ...execution, deliveries: 0 },
  })
}

function* messageFaults(state: State, rules: Rules): Generator<Step> {
  const [id] = state.tasks
  if (id !== undefined && canFault(state, rules, 'duplicate task'))
    yield {
      label: `the broker delivers ${id} twice`,
      fairness: 'fault',
      next: afterFault({ ...state, tasks: [id, ...state.tasks] }, 'duplicate task'),
    }
  const [message] = state.events
  if (message !== undefined && message.kind !== 'mark' && canFault(state, rules, 'duplicate event'))
    yield {
      label: `the broker delivers ${message.kind} twice`,
      fairness: 'fault',
      next: afterFault({ ...state, events: [message, ...state.events] }, 'duplicate event'),
    }
  const { head } = state.row
  const isOpen = head.state === 'running' || head.state === 'queued'
  if (isOpen && canFault(state, rules, 'cancel'))
    yield {
      label: 'the user cancels the run',
      fairness: 'fault',
      next: afterFault(withEvent(state, { kind: 'cancel' }), 'cancel'),
    }
}
