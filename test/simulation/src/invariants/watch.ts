/**
 * Looks at every change in the database and at every message on the broker, at the moment it happens there, and compares
 * it with what must always hold. It believes nobody: states come from the rows, executions from the executors.
 */
import {
  canRunMove,
  canTaskMove,
  isFinalRunState,
  isFinalTaskState,
  operatorTaskStates,
  runStates,
  type Delivery,
  type EngineBatch,
  type OperatorTask,
  type OutgoingMessage,
  type RunHead,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { EventLoop } from '../event-loop.ts'
import type { Execution, Executions } from '../executions.ts'
import type { BrokerWatch } from '../sim-publisher.ts'
import type { SimProcess } from '../sim-process.ts'
import type { MemoryDatabase, StoredRun } from '../store/memory-database.ts'
import type { StoreWatch } from '../store/sim-store.ts'
import { allowedByTrigger } from './trigger-oracle.ts'
import type { Invariant, Violation } from './violation.ts'

export interface WatchDeps {
  readonly loop: EventLoop
  readonly database: MemoryDatabase
  readonly executions: Executions
  readonly topology: Topology
  /** Whether anything can have gone wrong with this worker lately. */
  readonly wasInTrouble: (worker: string) => boolean
  /** There are no faults. */
  readonly isCalm: boolean
  readonly tell: (what: () => string) => void
}

/** The longest that a cancelled execution takes to end, and the way of the revocation. */
const stopWithinMs = 4_500

interface KnownAttempt {
  readonly run: StoredRun
  readonly ordinal: number
  readonly attempt: number
}

export class Watch implements BrokerWatch, StoreWatch {
  violation: Violation | null = null
  /** Reruns that were asked for, and those that happened, by run. */
  readonly rerunsAsked = new Map<string, number>()
  readonly restarts = new Map<string, number>()
  readonly #deps: WatchDeps
  readonly #attempts = new Map<string, KnownAttempt>()
  /** Messages about the attempt that the broker holds, handed out or not. */
  readonly #guards = new Map<string, number>()
  readonly #eventQueues: ReadonlySet<string>
  readonly #taskQueue: string

  constructor(deps: WatchDeps) {
    this.#deps = deps
    const { queues } = deps.topology
    this.#eventQueues = new Set(
      queues.filter(({ isSingleActiveConsumer }) => isSingleActiveConsumer === true).map(({ name }) => name),
    )
    this.#taskQueue = deps.topology.executorQueue('local')
  }

  fail(invariant: Invariant, what: string): void {
    this.violation ??= { invariant, at: this.#deps.loop.now, what }
  }

  /** How a story names an attempt. */
  nameOf(attemptId: string): string {
    const known = this.#attempts.get(attemptId)
    return known === undefined
      ? 'an unknown attempt'
      : `${known.run.head.id}/op-${known.ordinal}#${known.attempt}`
  }

  /** Attempts of which the broker still holds something. */
  leftovers(): string[] {
    return [...this.#guards].filter(([, count]) => count > 0).map(([id]) => this.nameOf(id))
  }

  onCommit({ fences, heads, tasks }: EngineBatch, process: SimProcess): () => void {
    const { database, tell } = this.#deps
    const before = tasks.map(({ runId, task }) => database.runs.get(runId)?.tasks[task.ordinal])
    const headsBefore = new Map(heads.map(({ head }) => [head.id, database.runs.get(head.id)?.head]))
    return () => {
      for (const runId of new Set([
        ...heads.map(({ head }) => head.id),
        ...tasks.map((write) => write.runId),
      ]))
        this.#checkWriter(runId, process)
      for (const { head } of heads) this.#checkHead(headsBefore.get(head.id), head)
      tasks.forEach(({ runId, task }, index) => {
        const run = database.runs.get(runId)
        const old = before[index]
        if (run === undefined || old === undefined) return
        if (task.attemptId !== null)
          this.#attempts.set(task.attemptId, { run, ordinal: task.ordinal, attempt: task.attempt })
        const isRestarted = isFinalRunState(headsBefore.get(runId)?.state ?? 'queued')
        this.#checkTask(run, old, task, isRestarted)
        tell(() => `${process.name} stores ${moveOf(run, old, task)}`)
      })
      for (const { runId, task } of tasks) this.#checkTrigger(runId, task)
      for (const { head } of heads)
        tell(() => `${process.name} stores ${head.id} ${head.state} v${head.version}`)
      if (heads.length + tasks.length === 0)
        tell(() => `${process.name} vouches for ${fences.length} partitions`)
    }
  }

  onPublished(message: OutgoingMessage, process: SimProcess): void {
    const { exchange, routingKey, correlationId } = message
    if (exchange !== '') return
    if (routingKey === this.#deps.topology.deadLetter)
      this.fail('no_defects', `${process.name} parks a message: ${JSON.stringify(message.headers)}`)
    if (correlationId === undefined) return
    if (routingKey === this.#taskQueue) {
      if (!this.#attempts.has(correlationId))
        this.fail('stored_before_sent', `${process.name} sends an attempt that is not in the database`)
      this.#deps.tell(() => `${process.name} sends ${this.nameOf(correlationId)}`)
    } else if (!this.#eventQueues.has(routingKey)) return
    else this.#deps.tell(() => `${process.name} tells ${statusOf(message)} of ${this.nameOf(correlationId)}`)
    this.#guards.set(correlationId, (this.#guards.get(correlationId) ?? 0) + 1)
  }

  onAcked(queue: string, { correlationId }: Pick<Delivery, 'correlationId'>): void {
    if (correlationId === undefined) return
    const count = (this.#guards.get(correlationId) ?? 0) - 1
    this.#guards.set(correlationId, count)
    this.#deps.tell(() => `acked on ${queue}: ${this.nameOf(correlationId)}; ${count} left`)
    const known = this.#attempts.get(correlationId)
    const task = known?.run.tasks[known.ordinal]
    if (task?.attemptId === correlationId) this.#checkGuard(task, correlationId)
  }

  onThrown(error: unknown, process: SimProcess): void {
    this.fail('no_defects', `a handler of ${process.name} threw ${String(error)}`)
  }

  onExecution({ attempt, process, number }: Execution): void {
    const { attemptId, inputs } = attempt
    this.#deps.tell(() => `${process} executes ${this.nameOf(attemptId)}, execution ${number}`)
    if (!this.#attempts.has(attemptId))
      this.fail('stored_before_sent', `${process} runs an attempt that is not in the database`)
    for (const { uri } of Object.values(inputs).flat()) {
      const source = this.#executionOf(Number(JSON.stringify(uri).match(/(\d+)"$/)?.[1]))
      if (source === undefined || (source.end !== 'succeeded' && source.end !== 'skipped'))
        this.fail(
          'inputs_are_accepted',
          `${this.nameOf(attemptId)} reads ${JSON.stringify(uri)}, which nobody finished`,
        )
    }
  }

  #executionOf(number: number): Execution | undefined {
    return this.#deps.executions.all[number]
  }

  #checkWriter(runId: string, process: SimProcess): void {
    const { database } = this.#deps
    const partition = database.runs.get(runId)?.head.partition ?? -1
    const owner = database.partitions.get(partition)?.owner
    if (owner !== process.name)
      this.fail(
        'one_writer',
        `${process.name} writes ${runId} of partition ${partition}, which ${owner} claimed`,
      )
  }

  #checkHead(before: RunHead | undefined, head: RunHead): void {
    if (before === undefined) return
    const isRestart = isFinalRunState(before.state) && head.version > before.version
    if (isRestart) {
      const restarts = (this.restarts.get(head.id) ?? 0) + 1
      this.restarts.set(head.id, restarts)
      if (restarts > (this.rerunsAsked.get(head.id) ?? 0))
        this.fail('final_is_final', `${head.id} starts again, and nobody asked for it`)
    }
    if (!runPaths[before.state].has(head.state))
      this.fail('legal_moves', `${head.id} goes from ${before.state} to ${head.state}`)
    const tasks = this.#deps.database.runs.get(head.id)?.tasks ?? []
    if (head.state === 'cancelling' && before.state !== 'cancelling') this.#expectStop(head.id)
    if (isFinalRunState(head.state) !== tasks.every(({ state }) => isFinalTaskState(state)))
      this.fail(
        'heads_follow_tasks',
        `${head.id} is ${head.state}, its tasks ${tasks.map(({ state }) => state).join()}`,
      )
  }

  /** Without faults nothing of a run goes on for long once it is being cancelled. */
  #expectStop(runId: string): void {
    const { loop, executions, isCalm } = this.#deps
    if (!isCalm) return
    loop.after(stopWithinMs, null, 'must have stopped', () => {
      for (const { attempt } of executions.running())
        if (attempt.runId === runId && this.#deps.database.runs.get(runId)?.head.state === 'cancelling')
          this.fail('cancel_is_heard', `${this.nameOf(attempt.attemptId)} still runs`)
    })
  }

  #checkTask(run: StoredRun, before: OperatorTask, task: OperatorTask, isRestarted: boolean): void {
    const name = `${run.head.id}/op-${task.ordinal}`
    if (task.attempt < before.attempt)
      this.fail('attempts_grow', `${name} goes from attempt ${before.attempt} to ${task.attempt}`)
    if (isFinalTaskState(before.state)) {
      if (!isRestarted) this.fail('final_is_final', `${name} was ${before.state} and becomes ${task.state}`)
    } else if (!taskPaths[before.state].has(task.state) && before.state !== task.state)
      this.fail('legal_moves', `${name} goes from ${before.state} to ${task.state}`)
    if (task.attemptId !== before.attemptId && task.attempt === before.attempt)
      this.fail('attempts_grow', `${name} has another attempt under the number ${task.attempt}`)
    if (before.state === 'running' && before.isLeased && !task.isLeased && task.attempt === before.attempt)
      this.fail('guarded', `${name}#${task.attempt} loses its lease and goes on`)
    if (task.state === 'succeeded' || (task.state === 'skipped' && task.result !== null))
      this.#checkEffects(name, run, task)
    if (task.attemptId !== null) this.#checkGuard(task, task.attemptId)
    this.#checkLoss(name, before, task)
  }

  #checkEffects(name: string, run: StoredRun, { attempt, result }: OperatorTask): void {
    const execution = this.#executionOf(result?.metrics['execution'] ?? -1)
    const operatorId = name.slice(name.lastIndexOf('/') + 1)
    const isSource =
      execution?.attempt.runId === run.head.id &&
      execution.attempt.operatorId === operatorId &&
      execution.attempt.attempt === attempt
    if (!isSource || (execution.end !== 'succeeded' && execution.end !== 'skipped'))
      this.fail('effects_of_one_attempt', `${name}#${attempt} has the result of another execution`)
  }

  /** A worker that was well the whole time, and works on it, has lost an attempt. */
  #checkLoss(name: string, before: OperatorTask, task: OperatorTask): void {
    if (before.state !== 'running' || before.worker === null) return
    const isWorkedOn = this.#deps.executions
      .running()
      .some(({ attempt }) => attempt.attemptId === before.attemptId)
    if (!isWorkedOn) return
    const isLost =
      task.losses > before.losses ||
      (task.state === 'queued' && task.attempt === before.attempt) ||
      // Not where the broker gave up on its message: another copy of that may be with a worker that is well.
      (task.error?.code === 'TASK_WORKER_LOST' && task.error.details?.['deliveries'] === undefined)
    if (isLost && !this.#deps.wasInTrouble(before.worker))
      this.fail(
        'leases_of_the_lost',
        `${name}#${before.attempt} is taken from ${before.worker}, which is well`,
      )
  }

  #checkGuard(task: OperatorTask, attemptId: string): void {
    if (task.isLeased || (task.state !== 'queued' && task.state !== 'running')) return
    if ((this.#guards.get(attemptId) ?? 0) <= 0)
      this.fail('guarded', `${this.nameOf(attemptId)} is ${task.state}, and nothing holds it`)
  }

  #checkTrigger(runId: string, task: OperatorTask): void {
    const run = this.#deps.database.runs.get(runId)
    const operator = run?.dag.plan.operators[task.ordinal]
    if (run === undefined || operator === undefined) return
    const what = triggeredAs(task)
    if (what === null) return
    const upstream = operator.upstream.flatMap((ordinal) => run.tasks[ordinal]?.state ?? [])
    if (!allowedByTrigger(operator.triggerRule, upstream, what))
      this.fail(
        'trigger_rules',
        `${runId}/op-${task.ordinal} (${operator.triggerRule}) is ${task.state} after [${upstream.join()}]`,
      )
  }
}

/** Null: the trigger rule has nothing to say about the state. */
function triggeredAs({
  state,
  result,
  attempt,
}: OperatorTask): 'dispatched' | 'skipped' | 'upstream_failed' | null {
  if (state === 'upstream_failed') return 'upstream_failed'
  if (state === 'skipped' && result === null) return 'skipped'
  if (state === 'pending' || state === 'cancelled' || attempt === 0) return null
  return 'dispatched'
}

/** What can follow what within one batch, which may hold several changes of a task. */
function pathsOf<S extends string>(
  states: readonly S[],
  canMove: (from: S, to: S) => boolean,
): Readonly<Record<S, ReadonlySet<S>>> {
  const reach = (from: S): Set<S> => {
    const found = new Set<S>()
    const open = [from]
    for (let at = open.pop(); at !== undefined; at = open.pop())
      for (const to of states)
        if (canMove(at, to) && !found.has(to)) {
          found.add(to)
          open.push(to)
        }
    return found
  }
  return Object.fromEntries(states.map((state) => [state, reach(state)])) as Record<S, Set<S>>
}

const taskPaths = pathsOf(operatorTaskStates, (from, to) => !isFinalTaskState(from) && canTaskMove(from, to))
const runPaths = pathsOf(runStates, canRunMove)

const moveOf = (
  { head }: StoredRun,
  before: OperatorTask,
  { state, attempt, isLeased, worker, ordinal }: OperatorTask,
) =>
  `${head.id}/op-${ordinal}: ${before.state}#${before.attempt} → ${state}#${attempt}` +
  `${isLeased ? ', leased' : ''}${worker === null ? '' : ` by ${worker}`}`

function statusOf({ body }: OutgoingMessage): string {
  const { status } = JSON.parse(new TextDecoder().decode(body)) as { status?: unknown }
  return String(status)
}
