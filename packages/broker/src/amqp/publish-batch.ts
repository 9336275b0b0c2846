import type { OutgoingMessage, PublishOutcome } from '@celeriac/core'

/** The messages of one `publish` call and what became of them; each outcome is set once, the first counts. */
export class PublishBatch {
  readonly #outcomes: (PublishOutcome | undefined)[]
  #missing: number
  #resolve: (outcomes: readonly PublishOutcome[]) => void = () => {}
  readonly expiresAt: number
  readonly outcomes: Promise<readonly PublishOutcome[]>

  /** @param expiresAt when what has no outcome becomes `unknown`, in the time of `performance.now()` */
  constructor(size: number, expiresAt: number) {
    this.#outcomes = Array.from<PublishOutcome | undefined>({ length: size })
    this.#missing = size
    this.expiresAt = expiresAt
    this.outcomes = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  isSettled(index: number): boolean {
    return this.#outcomes[index] !== undefined
  }

  settle(index: number, outcome: PublishOutcome): void {
    if (this.#outcomes[index] !== undefined) return
    this.#outcomes[index] = outcome
    if (--this.#missing === 0) this.#resolve(this.#outcomes as readonly PublishOutcome[])
  }

  /** Gives up on everything that has no outcome. */
  expire(): void {
    for (let index = 0; index < this.#outcomes.length; index++) this.settle(index, 'unknown')
  }
}

/** One message on its way. */
export interface Publication {
  readonly message: OutgoingMessage
  readonly batch: PublishBatch
  readonly index: number
  /** The broker sent it back; its confirm, which follows, means `unroutable`. */
  isReturned: boolean
  isAnswered: boolean
}
