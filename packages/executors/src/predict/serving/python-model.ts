import type { CheckedRow } from '@celeriac/contracts'
import type { AppError } from '@celeriac/core'
import type { LoadedDeployment } from '../scorer.ts'
import { BatchQueue, type BatchQueueOptions } from './batch-queue.ts'

/** A model that Python processes answer: its queue, and what is asked of the pool on its behalf at the moment. */
export class PythonModel {
  readonly uri: string
  /** Rows to warm a process up with; few, since a load holds the process up. */
  readonly warmUp: readonly CheckedRow[]
  readonly queue: BatchQueue
  /** Takes back that a process which has the model is asked for; null when none is. */
  withdrawAsk: (() => void) | null = null
  /** The next batch waits for a tick. */
  isTicking = false
  /** A process is asked for, or busy, to load the model. */
  isLoading = false
  /** Processes in a row that ended while they loaded it. */
  deathsInLoad = 0
  /** What it took of the last process that loaded it; 0 before. */
  bytes = 0
  readonly #loadWaiters: ((error: AppError | null) => void)[] = []

  constructor({ uri, sample }: LoadedDeployment, limits: BatchQueueOptions) {
    this.uri = uri
    this.warmUp = sample.slice(0, 3)
    this.queue = new BatchQueue(limits)
  }

  /** `onEnd` is called once, at the end of the next load. */
  onLoaded(onEnd: (error: AppError | null) => void): void {
    this.#loadWaiters.push(onEnd)
  }

  loadEnded(error: AppError | null): void {
    for (const onEnd of this.#loadWaiters.splice(0)) onEnd(error)
  }

  /** Nobody waits for it. */
  get isIdle(): boolean {
    return this.queue.isEmpty && !this.isLoading && this.#loadWaiters.length === 0
  }
}
