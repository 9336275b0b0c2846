import { randomUUID } from 'node:crypto'
import type { Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import { planApply } from '../../canvas/plan.ts'
import type { CanvasPlan } from '../../canvas/canvas-step.ts'
import type { CanvasContext } from '../../canvas/freeze.ts'
import type { CurrentTask } from '../../canvas/plan-draft.ts'
import { addToChord } from '../../canvas/replace.ts'
import type { SignatureDict, SignatureOptions } from '../../canvas/signature-dict.ts'
import { exceptionRepr } from '../../canvas/exception-repr.ts'
import { pythonRepr } from '../../message/python-repr.ts'
import type { TaskValue } from '../../message/task-value.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import type { TaskEvents } from '../node/task-events.ts'
import type { JobEnd, JobHost, TaskPool } from '../pool/task-pool.ts'
import { derivedIds } from './derived-ids.ts'
import { failureOf } from './handler-outcome.ts'
import type { ReceivedTask } from './received-task.ts'
import { Abandoned, type ResultWriter } from './result-writer.ts'
import { endedTask, failed, settle, type SettledTask, type Settlement } from './settlement.ts'
import type { StepRunner, StepsAbout } from './step-runner.ts'
import type { TaskApp } from './task-app.ts'
import type { TaskRequest } from './task-context.ts'

/**
 * DESIGN
 *
 * A task from its start to the acknowledgement:
 *   started ─▶ handler in a pool, within its limits ─▶ what follows is published ─▶ result stored ─▶ chord told ─▶ ack
 * - The ack is last (unless the task asks for an early one): whatever breaks before, the task is delivered again.
 * - When what follows or the result cannot be written, the task has failed, and that is settled instead.
 * - A limit costs a timer, and no limit costs none.
 */
export interface TaskRunDeps {
  readonly app: TaskApp
  readonly steps: StepRunner
  readonly writer: ResultWriter
  readonly events: TaskEvents
  readonly clock: Clock
  readonly logger: Logger
  readonly nodeName: string
  /** Returns of a task whose process was lost, before it counts as failed. */
  readonly maxReturns: number
}

/** Seconds: the call's own limits, else those of the task. */
export interface TimeLimits {
  readonly hard: number | null
  readonly soft: number | null
}

/**
 * Gives how the task ended: at once when its handler has, and nothing is to be told; never rejects. `onExecuted` is called
 * when the handler has ended: its slot is free.
 */
export function runTask(
  received: ReceivedTask,
  pool: TaskPool,
  limits: TimeLimits,
  deps: TaskRunDeps,
  onExecuted: (durationMs: number) => void,
): Settlement['outcome'] | Promise<Settlement['outcome']> {
  const { clock } = deps
  const timers: (() => void)[] = []
  const onStarted = (pid: number): void => {
    begin(received, pid, deps)
    const { soft, hard } = limits
    if (soft !== null)
      timers.push(clock.after(soft * 1_000, () => received.running?.abort('soft_time_limit')))
    if (hard !== null) timers.push(clock.after(hard * 1_000, () => received.running?.kill('time_limit')))
  }
  const { task } = received
  const running = pool.run({
    task,
    request: requestOf(received, deps),
    host: new TaskHost(received, deps),
    onStarted,
  })
  const onEnd = (end: JobEnd): Settlement['outcome'] | Promise<Settlement['outcome']> => {
    for (const cancel of timers) cancel()
    received.running = null
    const durationMs = received.startedAt === null ? 0 : clock.now() - received.startedAt
    onExecuted(durationMs)
    if (end.kind !== 'returned' || !endsSilently(received))
      return settleTask(received, end, limits, durationMs, deps)
    received.acknowledge('ack')
    tell(received, silentSuccess, end, durationMs, deps)
    return silentSuccess.outcome
  }
  const { end } = running
  if (!(end instanceof Promise)) return onEnd(end)
  received.running = running
  return end.then(onEnd)
}

/** Whether the success of a task is told to nobody: no result is stored, nothing follows, no chord waits for it. */
function endsSilently({ call, task }: ReceivedTask): boolean {
  const { callbacks, chain, chord, ignoreResult } = call
  const follows = (callbacks?.length ?? 0) + (chain?.length ?? 0)
  return (ignoreResult || task.options.ignoreResult === true) && follows === 0 && chord === null
}

const silentSuccess: Settlement = { outcome: 'succeeded', steps: [], acknowledgement: 'ack', failure: null }

/** The handler is about to run. */
function begin(received: ReceivedTask, pid: number, deps: TaskRunDeps): void {
  const { call, task } = received
  received.startedAt = deps.clock.now()
  if (task.options.acksLate === false) received.acknowledge('ack')
  deps.events.send('task-started', call.id)
  if (task.options.trackStarted === true && !call.ignoreResult)
    // Nothing waits for it; the final state tells all that matters.
    storeState(received, 'STARTED', { pid, hostname: deps.nodeName }, deps).catch(() => undefined)
}

async function settleTask(
  received: ReceivedTask,
  end: JobEnd,
  limits: TimeLimits,
  durationMs: number,
  deps: TaskRunDeps,
): Promise<Settlement['outcome']> {
  const { steps, logger } = deps
  const task = settledTask(received, limits.hard, deps)
  const about = stepsAbout(received, deps)
  const context = { newId: about.newId, replyTo: deps.app.backend.replyTo }
  try {
    let settlement: Settlement
    try {
      settlement = settle(end, task, context, steps.isInline)
      await steps.run(settlement.steps, about)
    } catch (error) {
      if (error instanceof Abandoned) throw error
      logger.warn(
        { ...logFieldsOf(received), err: error },
        'the end of a task could not be told; it has failed',
      )
      settlement = failed(failureOf(error), task, context, steps.isInline)
      await steps.run(settlement.steps, about)
    }
    received.acknowledge(settlement.acknowledgement)
    tell(received, settlement, end, durationMs, deps)
    return settlement.outcome
  } catch (error) {
    if (!(error instanceof Abandoned))
      logger.error({ ...logFieldsOf(received), err: error }, 'a task could not be settled; it goes back')
    received.acknowledge('requeue')
    return 'returned'
  }
}

export const settledTask = (
  received: ReceivedTask,
  timeLimit: number | null,
  { app, maxReturns }: Pick<TaskRunDeps, 'app' | 'maxReturns'>,
): SettledTask => {
  const { call, task, queue, children, deliveries } = received
  // A classic queue does not count: one return is all that it can tell.
  const returns = Math.max(
    ...deliveries.map((each) => (each.redelivered ? Math.max(each.deliveryCount, 1) : 0)),
  )
  const isCounted = deliveries.some(({ deliveryCount }) => deliveryCount > 0)
  return {
    call,
    options: task.options,
    children,
    cameFrom: { exchange: '', routingKey: queue },
    timeLimit,
    mayReturn:
      task.options.rejectOnWorkerLost === true &&
      !received.isAcknowledged &&
      returns < (isCounted ? maxReturns : 1),
    inheritsPriority: app.inheritPriority === true,
  }
}

export function stepsAbout(received: ReceivedTask, { app }: Pick<TaskRunDeps, 'app'>): StepsAbout {
  const { call, queue } = received
  return { call, queue, current: currentOf(received, app), newId: derivedIds(received.key) }
}

const currentOf = ({ call }: ReceivedTask, app: TaskApp): CurrentTask => ({
  id: call.id,
  rootId: call.rootId,
  parentId: call.parentId,
  priority: app.inheritPriority === true ? call.priority : null,
})

function tell(
  received: ReceivedTask,
  { outcome, failure }: Settlement,
  end: JobEnd,
  durationMs: number,
  { events, logger }: TaskRunDeps,
): void {
  const { id } = received.call
  const about = (): object => ({ ...logFieldsOf(received), duration_ms: durationMs })
  const error = (): { exception: string; traceback: string | null } => ({
    exception: failure === null ? '' : exceptionRepr(failure.exception),
    traceback: failure?.traceback ?? null,
  })
  switch (outcome) {
    case 'succeeded':
      events.send('task-succeeded', id, () => ({
        result: end.kind === 'returned' ? pythonRepr(end.value) : '',
        runtime: durationMs / 1_000,
      }))
      if (logger.isLevelEnabled('debug')) logger.debug(about(), 'task succeeded')
      return
    case 'failed':
      events.send('task-failed', id, error)
      logger.info({ ...about(), exc_type: failure?.exception.exc_type }, 'task failed')
      return
    case 'retried':
      events.send('task-retried', id, error)
      return
    case 'revoked':
      events.send('task-revoked', id, () => ({ terminated: true, signum: '9', expired: false }))
      return
    case 'rejected':
    case 'returned':
      events.send('task-rejected', id, () => ({ requeue: !(end.kind === 'rejected' && !end.requeue) }))
      return
    case 'ignored':
    case 'replaced':
      return
  }
}

/** Field by field: a spread of so many costs a tenth of all that a task costs. */
const requestOf = (
  { call, queue, deliveries, isRedelivered }: ReceivedTask,
  { nodeName }: TaskRunDeps,
): TaskRequest => ({
  id: call.id,
  task: call.task,
  args: call.args,
  kwargs: call.kwargs,
  rootId: call.rootId,
  parentId: call.parentId,
  group: call.group,
  groupIndex: call.groupIndex,
  retries: call.retries,
  eta: call.eta,
  expires: call.expires,
  timelimit: call.timelimit,
  shadow: call.shadow,
  origin: call.origin,
  argsrepr: call.argsrepr ?? null,
  kwargsrepr: call.kwargsrepr ?? null,
  ignoreResult: call.ignoreResult,
  replacedTaskNesting: call.replacedTaskNesting,
  stampedHeaders: call.stampedHeaders,
  stamps: call.stamps,
  headers: call.headers,
  replyTo: call.replyTo,
  priority: call.priority,
  properties: call.properties,
  callbacks: call.callbacks,
  errbacks: call.errbacks,
  chain: call.chain,
  chord: call.chord,
  hostname: nodeName,
  redelivered: isRedelivered,
  deliveryInfo: { exchange: deliveries[0]?.exchange ?? '', routingKey: queue, queue },
})

/** What a handler may ask for, in the name of its task. */
class TaskHost implements JobHost {
  readonly #received: ReceivedTask
  readonly #deps: TaskRunDeps
  #logger: Logger | null = null

  constructor(received: ReceivedTask, deps: TaskRunDeps) {
    this.#received = received
    this.#deps = deps
  }

  /** Made for handlers that log. */
  get logger(): Logger {
    return (this.#logger ??= this.#deps.logger.child(logFieldsOf(this.#received)))
  }

  updateState(state: string, meta: TaskValue): Promise<void> {
    return storeState(this.#received, state, meta, this.#deps)
  }

  apply(signature: SignatureDict, options: SignatureOptions): Promise<ResultTuple | null> {
    const current = currentOf(this.#received, this.#deps.app)
    return this.#carryOut(planApply(signature, { options }, { ...this.#context(), current }))
  }

  addToChord(signature: SignatureDict): Promise<ResultTuple | null> {
    const task = endedTask(settledTask(this.#received, null, this.#deps))
    return this.#carryOut(addToChord(task, signature, this.#context()))
  }

  #context(): CanvasContext {
    return { newId: randomUUID, replyTo: this.#deps.app.backend.replyTo }
  }

  async #carryOut(plan: CanvasPlan): Promise<ResultTuple | null> {
    await this.#deps.steps.run(plan.steps, stepsAbout(this.#received, this.#deps))
    this.#received.children.push(...plan.children)
    return plan.result
  }
}

async function storeState(
  { call, children }: ReceivedTask,
  status: string,
  result: TaskValue,
  { writer }: TaskRunDeps,
): Promise<void> {
  await writer.store({
    replyTo: call.replyTo,
    meta: {
      task_id: call.id,
      status,
      result,
      traceback: null,
      children: [...children],
      date_done: null,
      group_id: call.group,
      parent_id: call.parentId,
    },
  })
}

/** How the log names a task. */
export const logFieldsOf = ({ call, queue }: ReceivedTask): Readonly<Record<string, string>> => ({
  task: call.task,
  task_id: call.id,
  queue,
})
