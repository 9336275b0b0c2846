import {
  advance,
  applyAdvance,
  assembleRun,
  defaultRetryPolicy,
  newOperatorTask,
  type Advance,
  type AdvanceContext,
  type DagPlan,
  type EngineEvent,
  type OperatorTask,
  type PlainTask,
  type PlanOperator,
  type RetryPolicy,
  type Run,
  type RunHead,
  type TaskResult,
  type TriggerRule,
} from '../src/index.ts'

export interface OperatorSpec {
  readonly id: string
  readonly after?: readonly string[]
  readonly rule?: TriggerRule
  readonly retry?: Partial<RetryPolicy>
  readonly timeoutMs?: number
  readonly task?: PlainTask
}

/** A plan from operator names and what they come after. */
export function aPlan(specs: readonly OperatorSpec[]): DagPlan {
  const ordinalOf = new Map(specs.map(({ id }, ordinal) => [id, ordinal]))
  const upstreamOf = specs.map(({ after = [] }) =>
    after.map((id) => ordinalOf.get(id)!).toSorted((a, b) => a - b),
  )
  const operators = specs.map((spec, ordinal): PlanOperator => ({
    ordinal,
    id: spec.id,
    algoName: 'algo_local_pass_through',
    executor: 'local',
    params: {},
    inputs: upstreamOf[ordinal]!.map((from, port) => ({ port, from, fromPort: 0 })),
    upstream: upstreamOf[ordinal]!,
    downstream: specs.flatMap((_, other) => (upstreamOf[other]!.includes(ordinal) ? [other] : [])),
    triggerRule: spec.rule ?? 'all_success',
    retry: { ...defaultRetryPolicy, jitter: false, ...spec.retry },
    timeoutMs: spec.timeoutMs ?? null,
    ...(spec.task === undefined ? {} : { task: spec.task }),
  }))
  return { operators }
}

export const aHead = (change: Partial<RunHead> = {}): RunHead => ({
  id: 'run-1',
  dagId: 'dag-1',
  dagVersion: 1,
  partition: 0,
  state: 'queued',
  version: 0,
  createdAt: 0,
  startedAt: null,
  finishedAt: null,
  cancelDeadlineAt: null,
  datasets: {},
  ...change,
})

export const aResult = (change: Partial<TaskResult> = {}): TaskResult => ({
  outputs: {},
  metrics: {},
  compat: [],
  ...change,
})

/** A run and short words for what happens to it. */
export class RunHarness {
  readonly run: Run
  readonly ctx: AdvanceContext
  now = 1_000
  draw = 0
  #ids = 0

  constructor(specs: readonly OperatorSpec[] | DagPlan) {
    const plan = 'operators' in specs ? specs : aPlan(specs)
    this.run = assembleRun(
      aHead(),
      plan,
      plan.operators.map(({ ordinal }) => newOperatorTask(ordinal)),
    )
    const clock = { now: () => this.now, draw: () => this.draw }
    this.ctx = {
      get now() {
        return clock.now()
      },
      get draw() {
        return clock.draw()
      },
      newAttemptId: () => `attempt-${++this.#ids}`,
      cancelGraceMs: 10_000,
    }
  }

  send(event: EngineEvent): Advance {
    const result = advance(this.run, event, this.ctx)
    if (result.kind === 'applied') applyAdvance(this.run, result)
    return result
  }

  task(id: string): OperatorTask {
    const operator = this.run.plan.operators.find((each) => each.id === id)
    return this.run.tasks[operator!.ordinal]!
  }

  states(): Record<string, string> {
    return Object.fromEntries(
      this.run.plan.operators.map(({ id, ordinal }) => [id, this.run.tasks[ordinal]!.state]),
    )
  }

  start(): this {
    this.send({ type: 'run_created' })
    return this
  }

  begin(id: string, worker = 'w1'): Advance {
    const { ordinal, attempt } = this.task(id)
    return this.send({ type: 'started', ordinal, attempt, worker, startedAt: this.now, isLeased: false })
  }

  succeed(id: string, result: TaskResult = aResult()): Advance {
    const { ordinal, attempt } = this.task(id)
    return this.send({ type: 'succeeded', ordinal, attempt, result, worker: 'w1', startedAt: this.now })
  }

  fail(id: string, retryable = true): Advance {
    const { ordinal, attempt } = this.task(id)
    const failure = { code: 'TASK_FAILED', message: 'no' } as const
    return this.send({
      type: 'failed',
      ordinal,
      attempt,
      failure,
      retryable,
      worker: 'w1',
      startedAt: this.now,
    })
  }
}
