/**
 * The schedulers: apps/scheduler/src/engine/engine.ts and outbox.ts, one event per batch. Between each two steps anything
 * else may happen, a crash included.
 */
import type { Effect, EngineEvent } from '@celeriac/core'
import { decide, leasesOf, owedAtLoad, readMessage, withTask } from './engine-decision.ts'
import { describeEffects, describeMessage, describeRows } from './describe.ts'
import { revokeAtWorkers } from './worker-steps.ts'
import {
  currentTask,
  withEvent,
  withScheduler,
  type Batch,
  type Rows,
  type Scheduler,
  type State,
} from './state.ts'
import { afterFault, canFault, type Rules, type Step } from './step.ts'

export function* schedulerSteps(state: State, rules: Rules): Generator<Step> {
  for (const [index, scheduler] of state.schedulers.entries()) {
    if (scheduler.isFrozen) continue
    yield* takeOver(state, index, scheduler, rules)
    yield* receive(state, index, scheduler, rules)
    yield* ownEvents(state, index, scheduler, rules)
    yield* commit(state, index, scheduler, rules)
    yield* publish(state, index, scheduler, rules)
    yield* acknowledge(state, index, scheduler)
    yield* overdue(state, index, scheduler, rules)
  }
}

/** The next step of a batch that has begun. */
export function* batchSteps(state: State, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const index = state.schedulers.indexOf(scheduler)
  yield* commit(state, index, scheduler, rules)
  yield* publish(state, index, scheduler, rules)
  yield* acknowledge(state, index, scheduler)
}

/** `#takeOver`: whoever receives something (a probe) from a partition that it does not own claims it and loads its runs. */
function* takeOver(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, link, hasDatabase, epoch, batch } = scheduler
  if (state.active !== index || link !== 'up' || !hasDatabase || epoch !== null || batch !== null) return
  const rows = state.row
  const claimed = state.epoch + 1
  const leases = leasesOf(rows, [])
  yield {
    label: `scheduler ${name} takes the partition over (epoch ${claimed})`,
    fairness: 'fair',
    next: withScheduler({ ...state, epoch: claimed }, index, {
      epoch: claimed,
      memory: rows,
      // A queued run is found by the scan of the queued ones.
      owed: owedAtLoad(rows, rules),
      leases,
    }),
  }
}

/** `#takeDelivery`: the first of the event queue, by the active consumer. */
function* receive(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, link, memory, epoch, batch } = scheduler
  const [message, ...events] = state.events
  if (state.active !== index || link !== 'up' || memory === null || epoch === null || batch !== null) return
  if (message === undefined) return
  const label = `scheduler ${name} receives ${describeMessage(message)}`
  const taken = { ...state, events }
  if (message.kind === 'mark') {
    // Acked as it comes: it says nothing to anybody else.
    const ordinal = scheduler.leases.findIndex((lease) => lease !== null && lease.mark === message.mark)
    const lease = scheduler.leases[ordinal]
    if (message.sender !== name || message.epoch !== epoch || lease === undefined || lease === null)
      yield { label: `${label}, nothing to do`, fairness: 'fair', next: taken }
    else yield* decideEvent(taken, index, leaseExpired(memory, ordinal, lease.worker), message, label, rules)
    return
  }
  const { event, effects } = readMessage(memory, message)
  if (event !== null) yield* decideEvent(taken, index, event, message, label, rules)
  else yield withBatch(taken, index, message, memory, effects, `${label}, which is stale`, rules)
}

const leaseExpired = (rows: Rows, ordinal: number, worker: string): EngineEvent => ({
  type: 'lease_expired',
  ordinal,
  attempt: rows.tasks[ordinal]?.attempt ?? 0,
  worker,
})

/** `#takeEvent`: what it owes the run by itself, and retries that are due. */
function* ownEvents(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, memory, batch, owed, epoch } = scheduler
  if (memory === null || batch !== null || epoch === null) return
  const [event, ...rest] = owed
  if (event !== undefined)
    yield* decideEvent(
      withScheduler(state, index, { owed: rest }),
      index,
      event,
      null,
      `scheduler ${name} works off its own ${event.type}`,
      rules,
    )
  for (const { ordinal, attempt, state: taskState } of memory.tasks)
    if (taskState === 'retry_wait')
      yield* decideEvent(
        state,
        index,
        { type: 'retry_due', ordinal, attempt },
        null,
        `scheduler ${name}: the retry of operator ${ordinal} is due`,
        rules,
      )
  if (memory.head.state === 'cancelling')
    yield* decideEvent(
      state,
      index,
      { type: 'cancel_deadline' },
      null,
      `scheduler ${name}: cancel deadline`,
      rules,
    )
}

/** Advances memory, and makes the batch that is to be committed. */
export function* decideEvent(
  state: State,
  index: number,
  event: EngineEvent,
  delivery: Batch['delivery'],
  label: string,
  rules: Rules,
): Generator<Step> {
  const scheduler = state.schedulers[index]
  if (scheduler === undefined || scheduler.memory === null) return
  const { memory, name } = scheduler
  const seen =
    event.type === 'started' && !event.isLeased && rules.planted.has('lease not sticky')
      ? withoutLease(memory, event.ordinal)
      : memory
  const { after, effects, illegal } = decide(seen, event, name, rules)
  if (illegal !== undefined) {
    yield { label, fairness: 'fair', next: state, violation: `illegal transition: ${illegal}` }
    return
  }
  if (after === memory && effects.length === 0 && delivery === null) {
    yield { label: `${label}: ignored`, fairness: 'fair', next: state }
    return
  }
  yield withBatch(state, index, delivery, after, effects, label, rules)
}

function withoutLease(rows: Rows, ordinal: number): Rows {
  const task = rows.tasks[ordinal]
  return task?.isLeased === true ? withTask(rows, { ...task, isLeased: false }) : rows
}

function withBatch(
  state: State,
  index: number,
  delivery: Batch['delivery'],
  after: Rows,
  effects: readonly Effect[],
  label: string,
  { planted }: Rules,
): Step {
  const scheduler = state.schedulers[index]
  const memory = scheduler?.memory
  if (scheduler === undefined || memory === undefined || memory === null) throw new Error('no owner')
  const isAcked = planted.has('ack before commit')
  const batch: Batch = {
    stage: 'decided',
    delivery: isAcked ? null : delivery,
    isOurs: true,
    epoch: scheduler.epoch ?? -1,
    before: memory,
    after,
    effects,
  }
  const next = withScheduler(state, index, { memory: after, batch })
  return { label, fairness: 'fair', next }
}

/** `commitBatch`: one transaction, fenced by the epoch and by what the writer believes the rows to be. */
function* commit(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, batch, hasDatabase } = scheduler
  if (batch?.stage !== 'decided' || !hasDatabase) return
  const isFenced = batch.epoch !== state.epoch && !rules.planted.has('no epoch fence')
  if (isFenced) {
    yield {
      label: `scheduler ${name}: its commit is fenced off; it gives the partition up`,
      fairness: 'fair',
      next: disowned(givenBack(state, index), index),
    }
    return
  }
  if (!isSame(batch.before, state.row)) {
    yield {
      label: `scheduler ${name}: its commit conflicts; it loads the run again`,
      fairness: 'fair',
      next: withScheduler(givenBack(state, index), index, {
        batch: null,
        ...(scheduler.memory === null
          ? {}
          : { memory: state.row, owed: owedAtLoad(state.row, rules), leases: leasesOf(state.row, []) }),
      }),
    }
    return
  }
  const stale = batch.epoch === state.epoch ? null : `epoch ${batch.epoch} was written after ${state.epoch}`
  const ended = endedBy(batch.before, batch.after)
  const stored = { ...state, row: batch.after }
  const label = `scheduler ${name} commits ${describeRows(batch.after)}`
  yield {
    label,
    fairness: 'fair',
    next: withScheduler(stored, index, {
      batch: settledAs(batch, 'committed'),
      ended: [...scheduler.ended, ...ended].slice(-4),
      leases: scheduler.memory === null ? scheduler.leases : leasesOf(batch.after, scheduler.leases),
    }),
    ...(stale === null ? {} : { violation: `a stale owner has committed: ${stale}` }),
  }
  // Written, but the answer is lost: it tries the same batch again.
  if (batch.after !== batch.before && canFault(state, rules, 'lost commit answer'))
    yield {
      label: `${label}, the answer is lost`,
      fairness: 'fault',
      next: afterFault(stored, 'lost commit answer'),
    }
}

/** `Outbox.publish`: task messages of what is still ready, and revocations. Confirms become events of its own. */
function* publish(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, batch, link } = scheduler
  if (batch?.stage !== 'committed') return
  if (batch.effects.length === 0) return
  if (link !== 'up') return
  const revoked = batch.effects.flatMap((effect) => (effect.type === 'revoke' ? effect.attemptIds : []))
  const wrong = revoked.find(
    (id) => currentTask(state.row, id) !== undefined && state.row.head.state === 'running',
  )
  const label = `scheduler ${name} sends ${describeEffects(batch)}`
  const next = withScheduler(sent(state, index), index, { batch: settledAs(batch, 'published') })
  yield {
    label,
    fairness: 'fair',
    next,
    ...(wrong === undefined ? {} : { violation: `the current attempt ${wrong} was revoked` }),
  }
  // The broker has it, the publisher does not know: the message goes out once more.
  if (dispatched(scheduler, batch).length > 0 && canFault(state, rules, 'lost confirm'))
    yield {
      label: `${label}, the confirm is lost`,
      fairness: 'fault',
      next: afterFault(
        { ...state, tasks: [...state.tasks, ...dispatched(scheduler, batch)].toSorted() },
        'lost confirm',
      ),
    }
}

function sent(state: State, index: number): State {
  const scheduler = state.schedulers[index]
  const batch = scheduler?.batch
  if (scheduler === undefined || batch === undefined || batch === null) return state
  const ids = dispatched(scheduler, batch)
  const revoked = batch.effects.flatMap((effect) => (effect.type === 'revoke' ? effect.attemptIds : []))
  const confirmed = batch.after.tasks
    .filter(({ attemptId }) => attemptId !== null && ids.includes(attemptId))
    .map(({ ordinal, attempt }): EngineEvent => ({ type: 'published', ordinal, attempt }))
  return revokeAtWorkers(
    withScheduler({ ...state, tasks: [...state.tasks, ...ids].toSorted() }, index, {
      owed: [...scheduler.owed, ...confirmed],
    }),
    revoked,
  )
}

/** `Dispatcher`: only what is `ready` in memory by now. */
const dispatched = ({ memory }: Scheduler, { effects }: Batch): readonly string[] =>
  effects.flatMap((effect) => {
    const task = effect.type === 'dispatch' ? memory?.tasks[effect.ordinal] : undefined
    return task?.state === 'ready' && task.attemptId !== null ? [task.attemptId] : []
  })

/** With nothing to send and nothing to ack the batch is done. */
const settledAs = (batch: Batch, stage: 'committed' | 'published'): Batch | null =>
  batch.delivery === null && (stage === 'published' || batch.effects.length === 0)
    ? null
    : { ...batch, stage }

/** The ack is last. On a connection that is gone it does nothing. */
function* acknowledge(state: State, index: number, { name, batch }: Scheduler): Generator<Step> {
  if (batch === null || batch.delivery === null) return
  if (batch.stage !== 'published' && !(batch.stage === 'committed' && batch.effects.length === 0)) return
  yield {
    label: `scheduler ${name} acks ${describeMessage(batch.delivery)}`,
    fairness: 'fair',
    next: withScheduler(state, index, { batch: null }),
  }
}

/**
 * engine/leases.ts: the worker of a covered attempt does not list it (any more). Its owner sends itself a mark through
 * the event queue; what the queue held before, a result above all, is seen before the lease counts as expired.
 */
function* overdue(state: State, index: number, scheduler: Scheduler, rules: Rules): Generator<Step> {
  const { name, memory, epoch, link, leases, batch } = scheduler
  if (memory === null || epoch === null || link !== 'up') return
  // The lease is longer than a scheduler that works takes over a batch, and than the broker takes to close the connection
  // of one that does not: by now an earlier owner holds no delivery any more.
  if (state.schedulers.some((other) => other !== scheduler && other.batch !== null && other.batch.isOurs))
    return
  for (const [ordinal, lease] of leases.entries()) {
    if (lease === null || lease.mark !== null) continue
    const isRenewed = state.workers.some(
      (worker) =>
        worker.name === lease.worker &&
        !worker.isFrozen &&
        worker.link === 'up' &&
        worker.execution?.id === lease.id &&
        worker.execution.phase !== 'told',
    )
    if (isRenewed && !canFault(state, rules, 'lost heartbeats')) continue
    const from = isRenewed ? afterFault(state, 'lost heartbeats') : state
    const fairness = isRenewed ? ('fault' as const) : ('fair' as const)
    const label = `scheduler ${name}: the lease of ${lease.id} by worker ${lease.worker} is overdue`
    if (rules.planted.has('expiry past the event queue')) {
      if (batch === null)
        yield* decideEvent(from, index, leaseExpired(memory, ordinal, lease.worker), null, label, rules)
      continue
    }
    const mark = scheduler.marks + 1
    yield {
      label: `${label}; it sends mark ${mark}`,
      fairness,
      next: withScheduler(withEvent(from, { kind: 'mark', sender: name, epoch, mark }), index, {
        marks: mark,
        leases: leases.map((one, at) => (at === ordinal ? { ...lease, mark } : one)),
      }),
    }
  }
}

/** Its delivery goes back to the front of the queue, while the connection that brought it lives. */
export function givenBack(state: State, index: number): State {
  const batch = state.schedulers[index]?.batch
  if (batch === undefined || batch === null || batch.delivery === null || !batch.isOurs) return state
  return { ...state, events: [batch.delivery, ...state.events] }
}

/** `#disown`: the memory of the partition is dropped. */
export const disowned = (state: State, index: number): State =>
  withScheduler(state, index, {
    epoch: null,
    memory: null,
    owed: [],
    batch: null,
    leases: (state.schedulers[index]?.leases ?? []).map(() => null),
    ended: [],
  })

const endedBy = (before: Rows, after: Rows): string[] =>
  before.tasks.flatMap(({ attemptId }) =>
    attemptId !== null &&
    currentTask(before, attemptId) !== undefined &&
    currentTask(after, attemptId) === undefined
      ? [attemptId]
      : [],
  )

/** The compare-and-set of `commit_batch`: state and attempt of each row, version of the head. */
const isSame = (believed: Rows, stored: Rows): boolean =>
  believed.head.version === stored.head.version &&
  believed.tasks.every((task, at) => {
    const other = stored.tasks[at]
    return other?.state === task.state && other.attempt === task.attempt
  })
