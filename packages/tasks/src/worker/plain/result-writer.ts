import { isAppError, type Clock } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { ResultBackend, StoredResult } from '../../result/result-backend.ts'

export interface PatientOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Aborts when nothing is to be tried again: the tasks then go back to their queues. */
  readonly abandoned: AbortSignal
}

/** A call of a service was given up because the worker ends. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned'
}

const backoffMs = { first: 50, max: 5_000 }

/** Calls a service until it can be reached, however long that takes. @throws Abandoned */
export async function patiently<Result>(
  work: () => Promise<Result>,
  { clock, logger, abandoned }: PatientOptions,
): Promise<Result> {
  for (let tries = 0; ; tries++) {
    if (abandoned.aborted) throw new Abandoned()
    try {
      return await work()
    } catch (error) {
      if (!isAppError(error) || !error.retryable) throw error
      if (tries === 0) logger.warn({ err: error }, 'the result backend cannot be reached; trying again')
      await pause(Math.min(backoffMs.max, backoffMs.first * 2 ** tries), clock, abandoned)
    }
  }
}

export function pause(delayMs: number, clock: Clock, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      ended.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(delayMs, end)
    ended.addEventListener('abort', end, { once: true })
  })
}

interface Entry {
  readonly result: StoredResult
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Stores what was told in one turn of the event loop with one call of the backend, in the order in which it was told. */
export class ResultWriter {
  readonly #backend: ResultBackend
  readonly #options: PatientOptions
  #batch: Entry[] = []
  #last: Promise<void> = Promise.resolve()

  constructor(backend: ResultBackend, options: PatientOptions) {
    this.#backend = backend
    this.#options = options
  }

  /** Resolves when it is stored. Rejects with Abandoned, or with the fault of a result that cannot be stored. */
  store(result: StoredResult): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#batch.length === 0) setImmediate(() => this.#flush())
      this.#batch.push({ result, resolve, reject })
    })
  }

  #flush(): void {
    const batch = this.#batch
    this.#batch = []
    this.#last = this.#last.then(() => this.#write(batch))
  }

  async #write(batch: readonly Entry[]): Promise<void> {
    try {
      await patiently(() => this.#backend.store(batch.map(({ result }) => result)), this.#options)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      // One that cannot be written must not take the others along.
      if (batch.length > 1 && !(error instanceof Abandoned))
        for (const entry of batch) await this.#write([entry])
      else for (const { reject } of batch) reject(error)
    }
  }
}
