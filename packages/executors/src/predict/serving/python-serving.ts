import { AppError, isAppError, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ChildPool } from '../../local/child-pool.ts'
import type { RequestFrame } from '../../local/frames.ts'
import type { JobEnd, PoolChild } from '../../local/pool-child.ts'
import type { LoadedDeployment } from '../scorer.ts'
import { tickMs } from './batch-policy.ts'
import type { Batch, BatchQueueOptions, QueuedRequest } from './batch-queue.ts'
import type { ServingMeter } from './metrics.ts'
import { serverStopped } from './prediction-faults.ts'
import { readLoad, readPredictions } from './python-answers.ts'
import { PythonModel } from './python-model.ts'
import { ResidentModels, type ResidencyLimits } from './resident-models.ts'

/**
 * DESIGN
 *
 * Models that Python answers, on a pool of processes that do nothing else. The pool starts with the first such model.
 *   request ─▶ queue of its model ─▶ a free process that has the model ─▶ batch ─▶ answers
 * - A model asks for one process at a time, and for another as long as rows are left; models that ask are served in the
 *   order in which they asked, so none starves. The batch is cut when the process is there, not before.
 * - Loads are jobs of their own, one process at a time per model: a load has a minute, whatever the deadlines of those
 *   who wait, and the other processes go on answering. When none has the model, the first free one loads it; the others
 *   follow where there is room. What has to leave for it is told to the process with the load.
 * - A new process (the last one died) loads again what is waited for or routed to.
 * - A process that is not done at the last deadline of its batch is given `overrunMs`, then killed.
 */
export interface PythonServingOptions {
  readonly createPool: (listener: { readonly onReady: (child: PoolChild) => void }) => ChildPool
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: BatchQueueOptions & { readonly residency: ResidencyLimits; readonly overrunMs: number }
  /** Traffic is routed to it. */
  readonly isRouted: (uri: string) => boolean
  readonly meter: ServingMeter | null
}

const loadTimeoutMs = 60_000
/** A model that kills this many processes in a row when it is loaded is given up. */
const mostDeathsInLoad = 2

type Residents = ResidentModels<true>

export class PythonServing {
  readonly #options: PythonServingOptions
  readonly #models = new Map<string, PythonModel>()
  readonly #residents = new Map<PoolChild, Residents>()
  #pool: ChildPool | null = null
  #starting: Promise<void> | null = null
  #isStopped = false
  #jobs = 0

  constructor(options: PythonServingOptions) {
    this.#options = options
  }

  /** Rows that wait. */
  get queuedRows(): number {
    let rows = 0
    for (const { queue } of this.#models.values()) rows += queue.rows
    return rows
  }

  /** Summed over the processes. */
  get resident(): { readonly models: number; readonly bytes: number } {
    let [models, bytes] = [0, 0]
    for (const residents of this.#liveResidents().values()) {
      models += residents.count
      bytes += residents.bytes
    }
    return { models, bytes }
  }

  /** The pool; null as long as no model needed it. */
  get pool(): ChildPool | null {
    return this.#pool
  }

  get maxBatchRows(): number {
    return this.#options.limits.maxBatchRows
  }

  /** Throws PREDICT_SHED. */
  add(deployment: LoadedDeployment, requests: readonly QueuedRequest[]): void {
    const model = this.#modelOf(deployment)
    model.queue.add(requests, performance.now())
    this.#withPool(model)
  }

  withdraw(uri: string, request: QueuedRequest): void {
    this.#models.get(uri)?.queue.withdraw(request)
  }

  /** Resolves when one process has the model at least; rejects with what prevented it. */
  load(deployment: LoadedDeployment): Promise<void> {
    const model = this.#modelOf(deployment)
    if (this.#copiesOf(model.uri) > 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      model.onLoaded((error) => (error === null ? resolve() : reject(error)))
      this.#withPool(model)
    })
  }

  /** No process keeps the model; who asks for it later has it loaded again. */
  unload(uri: string): void {
    for (const [child, residents] of this.#liveResidents())
      if (residents.remove(uri)) this.#tellToUnload(child, [uri])
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const model of this.#models.values()) this.#fail(model, serverStopped())
    await this.#starting?.catch(() => {})
    await this.#pool?.stop()
  }

  #modelOf(deployment: LoadedDeployment): PythonModel {
    const known = this.#models.get(deployment.uri)
    if (known !== undefined) return known
    const model = new PythonModel(deployment, this.#options.limits)
    this.#models.set(deployment.uri, model)
    return model
  }

  #withPool(model: PythonModel): void {
    if (this.#pool !== null) return this.#pump(model)
    if (this.#isStopped) return this.#fail(model, serverStopped())
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null
    })
    this.#starting.then(
      () => this.#pump(model),
      (error: unknown) => this.#fail(model, toFault(error)),
    )
  }

  async #start(): Promise<void> {
    const pool = this.#options.createPool({ onReady: (child) => this.#onReady(child) })
    try {
      await pool.start()
    } catch (error) {
      await pool.stop()
      throw error
    }
    this.#pool = pool
  }

  #onReady(child: PoolChild): void {
    for (const known of this.#residents.keys()) if (isGone(known)) this.#residents.delete(known)
    this.#residents.set(child, new ResidentModels(this.#options.limits.residency))
    for (const model of this.#models.values())
      if (!model.isIdle || this.#options.isRouted(model.uri)) this.#considerLoad(model)
  }

  /** Asks for what the model needs next: a process that has it, for its rows; one that should have it. */
  #pump(model: PythonModel, isUrgent = false): void {
    // What was under way comes back from killed processes, and no process will take it again.
    if (this.#isStopped) return this.#fail(model, serverStopped())
    if (this.#pool === null) return
    this.#considerLoad(model)
    if (model.queue.isEmpty || model.isTicking || this.#copiesOf(model.uri) === 0) return
    if (model.withdrawAsk !== null && !isUrgent) return
    model.withdrawAsk?.()
    let isAnswered = false
    const answered = (): void => {
      isAnswered = true
      model.withdrawAsk = null
    }
    const withdraw = this.#pool.acquire({
      isUrgent,
      accepts: (child) => this.#residents.get(child)?.has(model.uri) === true,
      onChild: (child) => {
        answered()
        this.#dispatch(model, child, !isUrgent)
      },
      onUnavailable: (error) => {
        answered()
        this.#fail(model, error)
      },
    })
    // It may have been answered at once, and another one asked for since.
    if (!isAnswered) model.withdrawAsk = withdraw
  }

  #dispatch(model: PythonModel, child: PoolChild, mayWait: boolean): void {
    const batch = model.queue.take(performance.now(), mayWait)
    if (batch === null) return this.#pool?.giveBack(child)
    if (batch === 'wait') {
      model.isTicking = true
      this.#options.clock.after(tickMs, () => {
        model.isTicking = false
        this.#pump(model)
      })
      return this.#pool?.giveBack(child)
    }
    this.#residents.get(child)?.use(model.uri)
    const request = { type: 'predict', model_uri: model.uri, rows: batch.rows, columns: null } as const
    const patienceMs = batch.deadlineAtMs - batch.sentAtMs + this.#options.limits.overrunMs
    this.#run(child, request, patienceMs, (end) => this.#onScored(model, batch, end))
    this.#pump(model)
  }

  #onScored(model: PythonModel, batch: Batch, end: JobEnd): void {
    const { meter } = this.#options
    const { queue } = model
    const ended = readPredictions(end, batch.rows.length)
    const nowMs = performance.now()
    if (ended.kind === 'answer') {
      meter?.scored('python', batch.rows.length, nowMs - batch.sentAtMs)
      queue.scored(batch, ended.answer, nowMs)
    } else if (ended.kind === 'refused') {
      const again = queue.refused(batch, ended.error)
      meter?.retried('batch_failed', again)
    } else {
      const again = queue.died(batch, ended.error)
      meter?.retried('process_died', again)
    }
    this.#pump(model)
  }

  #considerLoad(model: PythonModel): void {
    const accepts = (child: PoolChild): boolean => this.#shouldLoad(child, model)
    if (model.isLoading || ![...this.#residents.keys()].some(accepts)) return
    model.isLoading = true
    this.#pool?.acquire({
      accepts,
      onChild: (child) => this.#load(model, child),
      onUnavailable: (error) => {
        model.isLoading = false
        this.#fail(model, error)
      },
    })
  }

  /** A process that lacks it: any when nobody has it, else those with room for it. */
  #shouldLoad(child: PoolChild, model: PythonModel): boolean {
    const residents = this.#residents.get(child)
    if (residents === undefined || isGone(child) || residents.has(model.uri)) return false
    return residents.hasRoomFor(model.bytes) || this.#copiesOf(model.uri) === 0
  }

  #load(model: PythonModel, child: PoolChild): void {
    const unload = this.#residents.get(child)?.evict(this.#isHeld, { bytes: model.bytes }) ?? []
    this.#onEvicted(unload)
    const startedAtMs = performance.now()
    const request = { type: 'load', model_uri: model.uri, unload, warm_up: model.warmUp } as const
    this.#run(child, request, loadTimeoutMs, (end) => this.#onLoaded(model, child, end, startedAtMs))
  }

  #onLoaded(model: PythonModel, child: PoolChild, end: JobEnd, startedAtMs: number): void {
    const { logger, meter } = this.#options
    const ended = readLoad(end)
    const nowMs = performance.now()
    model.isLoading = false
    if (ended.kind === 'answer') {
      const { bytes, timings } = ended.answer
      model.bytes = bytes
      model.deathsInLoad = 0
      const residents = this.#residents.get(child)
      residents?.add(model.uri, true, bytes)
      // How large it is was not known when it came.
      this.#tellToUnload(child, residents?.evict(this.#isHeld, null) ?? [])
      for (const [rows, seconds] of timings)
        model.queue.costs.record({ rows, elapsedMs: seconds * 1_000, waitMs: 0 }, nowMs)
      model.queue.served(nowMs)
      meter?.loaded('python', nowMs - startedAtMs)
      model.loadEnded(null)
      // Before another load may evict it again: two models that do not fit together still get on in turns.
      return this.#pump(model, true)
    }
    meter?.loadFailed('python')
    const fields = { model_uri: model.uri, err: ended.error, details: ended.error.details }
    logger.warn(fields, 'a Python process could not load a model')
    model.deathsInLoad += ended.kind === 'died' ? 1 : 0
    if (ended.kind === 'died' && model.deathsInLoad < mostDeathsInLoad) return this.#considerLoad(model)
    model.deathsInLoad = 0
    // Where another process has it, nobody is worse off than before.
    if (this.#copiesOf(model.uri) === 0) this.#fail(model, ended.error)
  }

  #tellToUnload(child: PoolChild, unload: readonly string[]): void {
    if (unload.length === 0) return
    this.#onEvicted(unload)
    this.#pool?.acquire({
      accepts: (each) => each === child,
      onChild: () => this.#run(child, { type: 'unload', unload }, loadTimeoutMs, () => {}),
      onUnavailable: () => {},
    })
  }

  /** Not to leave memory before others: traffic goes to it, or somebody waits for it. */
  readonly #isHeld = (uri: string): boolean =>
    this.#options.isRouted(uri) || this.#models.get(uri)?.isIdle === false

  #run(
    child: PoolChild,
    request: DistributiveOmit<Extract<RequestFrame, { type: 'load' | 'predict' | 'unload' }>, 'delivery_id'>,
    patienceMs: number,
    onEnd: (end: JobEnd) => void,
  ): void {
    const { clock } = this.#options
    let cancelKill: () => void = () => {}
    try {
      child.begin({
        request: { ...request, delivery_id: `p${++this.#jobs}` },
        logs: null,
        onProgress: () => {},
        onEnd: (end) => {
          cancelKill()
          if (end.kind === 'result') this.#pool?.release(child)
          else this.#pool?.remove(child)
          onEnd(end)
        },
      })
      cancelKill = clock.after(patienceMs, () => child.kill())
    } catch (error) {
      // Too large for a frame: the process was not touched.
      this.#pool?.giveBack(child)
      onEnd({ kind: 'protocol', error: toFault(error) })
    }
  }

  /** What somebody waits for is loaded again; what nobody waits for need not be remembered. */
  #onEvicted(uris: readonly string[]): void {
    this.#options.meter?.evicted('python', uris.length)
    for (const uri of uris) {
      const model = this.#models.get(uri)
      if (model === undefined || this.#copiesOf(uri) > 0) continue
      if (model.isIdle) this.#models.delete(uri)
      else this.#considerLoad(model)
    }
  }

  #fail(model: PythonModel, error: AppError): void {
    model.queue.failAll(error)
    model.loadEnded(error)
    if (model.isIdle && this.#copiesOf(model.uri) === 0) this.#models.delete(model.uri)
  }

  #copiesOf(uri: string): number {
    let copies = 0
    for (const [child, residents] of this.#residents) if (!isGone(child) && residents.has(uri)) copies += 1
    return copies
  }

  #liveResidents(): ReadonlyMap<PoolChild, Residents> {
    return new Map([...this.#residents].filter(([child]) => !isGone(child)))
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

const isGone = (child: PoolChild): boolean => child.state === 'dead' || child.state === 'retiring'

const toFault = (error: unknown): AppError =>
  isAppError(error) ? error : new AppError('INTERNAL_ERROR', 'the prediction failed', { cause: error })
