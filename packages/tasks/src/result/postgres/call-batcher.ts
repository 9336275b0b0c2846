import { isAppError } from '@celeriac/core'

interface Entry<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Turns calls for one item each into calls for many: what comes while a call is under way goes out with the next one. So
 * a single caller waits for nothing, and a thousand share a few commits.
 *
 * One bad item must not fail the others: a batch that failed for good is sent again item by item.
 */
export class CallBatcher<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly #maxItems: number
  #waiting: Entry<Item, Result>[] = []
  #isSending = false

  /** @param send gives one result for each item, in their order */
  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>, maxItems: number) {
    this.#send = send
    this.#maxItems = maxItems
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#isSending) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#isSending = true
    // The calls of one turn of the event loop belong together.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0, this.#maxItems))
    this.#isSending = false
  }

  async #settle(entries: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#send(entries.map(({ item }) => item))
      for (const [index, { resolve }] of entries.entries()) resolve(results[index] as Result)
    } catch (error) {
      if (entries.length > 1 && isAppError(error) && !error.retryable)
        for (const entry of entries) await this.#settle([entry])
      else for (const { reject } of entries) reject(error)
    }
  }
}
