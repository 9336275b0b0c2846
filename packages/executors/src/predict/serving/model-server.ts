import { checkRows, type CheckedRow, type GivenRow, type Prediction } from '@celeriac/contracts'
import { isAppError, messageOf, type Clock, type ErrorCode, type Instant } from '@celeriac/core'
import { systemClock, within, type Logger, type MetricsRegistry } from '@celeriac/runtime'
import { executorMeter, type ExecutorCounts } from '../../metrics.ts'
import { ChildPool } from '../../local/child-pool.ts'
import { defaultLogLimits } from '../../local/log-budget.ts'
import type { PythonCommand } from '../../local/runner-parent.ts'
import type { LoadedDeployment } from '../scorer.ts'
import { DeploymentCache, type LoadDeployment } from './deployment-cache.ts'
import { servingMeter, type Runtime, type ServingOutcome } from './metrics.ts'
import { scoreNatively } from './native-scoring.ts'
import { deadlinePassed, rowsInvalid } from './prediction-faults.ts'
import { PythonServing } from './python-serving.ts'
import { scoreInPython } from './score-in-python.ts'

export interface PredictRequest {
  /** URI of a Deployment artifact. */
  readonly modelUri: string
  /** Rows by column name, or by position in the order of `columns` (null: of the model's signature). */
  readonly rows: readonly GivenRow[]
  readonly columns: readonly string[] | null
  /** After this moment, by the time of day, nobody wants the answer any more. */
  readonly deadlineAt: Instant
}

export interface PredictResponse {
  /** One per row, in order: `predict_result`, and for classifiers `predict_probability` and `probabilities`. */
  readonly predictions: readonly Prediction[]
  readonly model: { readonly name: string }
  readonly runtime: Runtime
  readonly timing: {
    /** From the call to the start of the scoring: loading, waiting for a process and for the batch. */
    readonly queueMs: number
    readonly computeMs: number
    /** Rows of the batch that they were scored in; of the largest, if they were several. */
    readonly batchRows: number
  }
}

export interface ModelServerLimits {
  /** Memory of loaded models, in this process and again in each Python process. @default 512 MiB */
  readonly memoryBytes: number
  /** Models loaded, in this process and again in each Python process. @default 1,000 */
  readonly maxModels: number
  /** Rows of a batch in Python; longer requests are split. @default 256 */
  readonly maxBatchRows: number
  /** Rows that may wait for a model in Python; requests beyond are PREDICT_SHED. @default 4,096 */
  readonly maxQueuedRows: number
  /** How long past the last deadline of its batch a Python process may go on before it is killed. @default 1,000 */
  readonly overrunMs: number
  /** For the Python parent and for each process. @default 60,000 */
  readonly startTimeoutMs: number
}

export const defaultModelServerLimits: ModelServerLimits = {
  memoryBytes: 512 * 1_048_576,
  maxModels: 1_000,
  maxBatchRows: 256,
  maxQueuedRows: 4_096,
  overrunMs: 1_000,
  startTimeoutMs: 60_000,
}

export interface ModelServerOptions {
  readonly load: LoadDeployment
  readonly python: PythonCommand
  /** Python processes that do nothing but predict; they start with the first model that needs them. @default 1 */
  readonly processes?: number
  readonly logger: Logger
  /** The time of day: deadlines come from other machines. */
  readonly clock?: Clock
  readonly limits?: Partial<ModelServerLimits>
  readonly metrics?: MetricsRegistry
}

/** A model that takes longer to load than a Python process may keeps others waiting no more. */
const preloadMs = 60_000

/** Where traffic for a model goes now: the versions that a request without a version may be answered by. */
export interface RoutedVersions {
  readonly name: string
  readonly uris: readonly string[]
  /** Versions that are not to stay in memory. @default none */
  readonly unload?: readonly string[]
}

/**
 * Serves deployed models. Those that convert are scored in this process, the others in Python processes with adaptive
 * micro-batching (`python-serving.ts`); both from memory, within a budget.
 */
export class ModelServer {
  readonly name = 'predict'
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #cache: DeploymentCache
  readonly #python: PythonServing
  readonly #meter: ReturnType<typeof servingMeter> | null
  readonly #routed = new Map<string, readonly string[]>()
  /** Loads ahead of requests, one after the other: of many at once the memory would be taken many times. */
  #preloads: Promise<void> = Promise.resolve()

  constructor(options: ModelServerOptions) {
    const limits = { ...defaultModelServerLimits, ...options.limits }
    const residency = { maxBytes: limits.memoryBytes, maxCount: limits.maxModels }
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger.child({ component: 'serving' })
    this.#meter = options.metrics === undefined ? null : servingMeter(options.metrics)
    const poolMeter = options.metrics === undefined ? null : executorMeter(options.metrics, 'predict')
    const isRouted = (uri: string): boolean => this.#isRouted(uri)
    this.#python = new PythonServing({
      createPool: ({ onReady }) => {
        const pool = new ChildPool({
          python: options.python,
          size: options.processes ?? 1,
          // A new process would have to load its models again.
          maxJobsPerChild: Number.POSITIVE_INFINITY,
          startTimeoutMs: limits.startTimeoutMs,
          stopGraceMs: limits.overrunMs,
          lineBytes: defaultLogLimits.lineBytes,
          clock: this.#clock,
          logger: this.#logger,
          onChange: () => poolMeter?.set({ ...pool.counts, waiting: pool.waiting }),
          onReplaced: (why) => poolMeter?.replaced(why),
          onReady,
        })
        return pool
      },
      clock: this.#clock,
      logger: this.#logger,
      limits: { ...limits, residency },
      isRouted,
      meter: this.#meter,
    })
    this.#cache = new DeploymentCache({
      load: (uri) => this.#load(options.load, uri),
      limits: residency,
      isHeld: isRouted,
      onLoaded: (deployment) =>
        this.#logger.info(
          { model_uri: deployment.uri, model: deployment.name, runtime: runtimeOf(deployment) },
          'a model was loaded',
        ),
      onEvicted: () => this.#meter?.evicted('native', 1),
    })
    options.metrics?.onExpose(() => this.#report())
  }

  /** Nothing is started yet: Python comes with the first model that needs it. */
  start(): Promise<void> {
    return Promise.resolve()
  }

  /** Requests that wait fail with EXECUTOR_UNAVAILABLE. */
  stop(): Promise<void> {
    return this.#python.stop()
  }

  /** Of the Python processes; null as long as none was needed. */
  counts(): ExecutorCounts | null {
    const { pool } = this.#python
    return pool === null ? null : { ...pool.counts, waiting: pool.waiting }
  }

  /**
   * Throws VALIDATION_ROW_INVALID with `details.fields` when the rows do not fit the model, PREDICT_DEADLINE when it is
   * not ready in time, PREDICT_SHED when too many wait, TASK_ARTIFACT_NOT_FOUND when there is no such deployment,
   * TASK_PROCESS_DIED when the rows ended two Python processes.
   */
  async predict(request: PredictRequest): Promise<PredictResponse> {
    const startedAtMs = performance.now()
    const leftMs = request.deadlineAt - this.#clock.now()
    try {
      if (leftMs <= 0) throw deadlinePassed()
      const deployment = this.#cache.peek(request.modelUri) ?? (await this.#loadInTime(request, leftMs))
      const { rows, problems } = checkRows(deployment.signature, request.rows, request.columns)
      if (problems.length > 0) throw rowsInvalid(problems)
      const response = await this.#score(deployment, rows, startedAtMs, startedAtMs + leftMs)
      this.#meter?.ended('ok')
      return response
    } catch (error) {
      this.#meter?.ended(outcomeOf(error))
      throw error
    }
  }

  /**
   * The versions that traffic of a model goes to now. They are loaded and warmed, and evicted after all others; resolves
   * when that is done or has failed (which is logged: the first request will say it again).
   */
  async route({ name, uris, unload = [] }: RoutedVersions): Promise<void> {
    if (uris.length === 0) this.#routed.delete(name)
    else this.#routed.set(name, uris)
    for (const uri of unload.filter((each) => !uris.includes(each))) {
      this.#cache.remove(uri)
      this.#python.unload(uri)
    }
    for (const uri of uris)
      this.#preloads = this.#preloads.then(() => within(preloadMs, this.#preload(uri), this.#clock))
    await this.#preloads
  }

  async #preload(uri: string): Promise<void> {
    // It may have been told otherwise meanwhile.
    if (!this.#isRouted(uri)) return
    try {
      const deployment = await this.#cache.get(uri)
      if (deployment.scorer === null) await this.#python.load(deployment)
    } catch (error) {
      this.#logger.warn({ err: error, model_uri: uri }, 'a model could not be loaded before its traffic')
    }
  }

  async #score(
    deployment: LoadedDeployment,
    rows: readonly CheckedRow[],
    startedAtMs: number,
    deadlineAtMs: number,
  ): Promise<PredictResponse> {
    const model = { name: deployment.name }
    if (deployment.scorer === null) {
      const answer = await scoreInPython(this.#python, this.#clock, deployment, rows, deadlineAtMs)
      const queueMs = answer.sentAtMs - startedAtMs
      this.#meter?.queued('python', queueMs)
      const { predictions, computeMs, batchRows } = answer
      return { predictions, model, runtime: 'python', timing: { queueMs, computeMs, batchRows } }
    }
    const scoredFromMs = performance.now()
    const pending = scoreNatively(deployment.scorer, rows, () => {
      if (performance.now() > deadlineAtMs) throw deadlinePassed()
    })
    // Most are answered at once; awaiting those would cost them a turn.
    const predictions = pending instanceof Promise ? await pending : pending
    const computeMs = performance.now() - scoredFromMs
    const queueMs = scoredFromMs - startedAtMs
    this.#meter?.queued('native', queueMs)
    this.#meter?.scored('native', rows.length, computeMs)
    return { predictions, model, runtime: 'native', timing: { queueMs, computeMs, batchRows: rows.length } }
  }

  #loadInTime({ modelUri }: PredictRequest, leftMs: number): Promise<LoadedDeployment> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(leftMs, () => reject(deadlinePassed()))
      this.#cache.get(modelUri).then(resolve, reject).finally(cancel)
    })
  }

  async #load(load: LoadDeployment, uri: string): Promise<LoadedDeployment> {
    const startedAtMs = performance.now()
    try {
      const deployment = await load(uri)
      this.#meter?.loaded('native', performance.now() - startedAtMs)
      return deployment
    } catch (error) {
      this.#meter?.loadFailed('native')
      this.#logger.warn({ model_uri: uri, reason: messageOf(error) }, 'a model could not be loaded')
      throw error
    }
  }

  #isRouted(uri: string): boolean {
    for (const uris of this.#routed.values()) if (uris.includes(uri)) return true
    return false
  }

  #report(): void {
    const { models, bytes } = this.#python.resident
    this.#meter?.resident('native', this.#cache.count, this.#cache.bytes)
    this.#meter?.resident('python', models, bytes)
    this.#meter?.queuedRows(this.#python.queuedRows)
  }
}

const runtimeOf = ({ scorer }: LoadedDeployment): Runtime => (scorer === null ? 'python' : 'native')

const outcomes: Partial<Record<ErrorCode, ServingOutcome>> = {
  VALIDATION_ROW_INVALID: 'invalid',
  PREDICT_SHED: 'shed',
  PREDICT_DEADLINE: 'deadline',
}

const outcomeOf = (error: unknown): ServingOutcome =>
  (isAppError(error) ? outcomes[error.code] : undefined) ?? 'failed'
