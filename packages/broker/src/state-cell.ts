import { AppError, type BrokerState } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/** The state of a broker adapter, its listeners, and those who wait for it to open. */
export class StateCell {
  readonly #logger: Logger | undefined
  #value: BrokerState = 'closed'
  #isEnded = false
  readonly #listeners = new Set<(state: BrokerState) => void>()
  #waiting: { readonly resolve: () => void; readonly reject: (error: AppError) => void }[] = []

  constructor(logger?: Logger) {
    this.#logger = logger
  }

  get value(): BrokerState {
    return this.#value
  }

  /** Stopped for good. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  set(state: BrokerState): void {
    if (this.#isEnded || state === this.#value) return
    this.#value = state
    if (state === 'open') {
      for (const { resolve } of this.#waiting) resolve()
      this.#waiting = []
    }
    for (const listener of this.#listeners) this.#call(listener, state)
  }

  /** Closed for good: whoever waits is turned away. */
  end(): void {
    if (this.#isEnded) return
    this.set('closed')
    this.#isEnded = true
    for (const { reject } of this.#waiting) reject(stoppedError())
    this.#waiting = []
  }

  opened(): Promise<void> {
    if (this.#value === 'open') return Promise.resolve()
    if (this.#isEnded) return Promise.reject(stoppedError())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  onChange(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  assertNotEnded(): void {
    if (this.#isEnded) throw stoppedError()
  }

  /** A listener's defect must not end the loop that reports to it. */
  #call(listener: (state: BrokerState) => void, state: BrokerState): void {
    try {
      listener(state)
    } catch (err) {
      this.#logger?.error({ err, state }, 'listener of the broker state threw')
    }
  }
}

export const stoppedError = (): AppError => new AppError('BROKER_UNAVAILABLE', 'the broker was stopped')
