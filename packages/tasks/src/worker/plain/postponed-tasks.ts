import type { Instant, JsonObject } from '@celeriac/core'

/** The latest that a node remembers. What waits is at the broker: this is for `inspect scheduled` alone. */
const remembered = 1_000

/** Tasks that this node has sent back to the broker until they are due, as `inspect scheduled` shows them. */
export class PostponedTasks {
  readonly #byId = new Map<string, { readonly dueAt: Instant; readonly shown: JsonObject }>()

  add(id: string, dueAt: Instant, shown: JsonObject): void {
    // Again at the end: the map is in order of arrival, and the oldest goes first.
    this.#byId.delete(id)
    this.#byId.set(id, { dueAt, shown })
    const [oldest] = this.#byId.keys()
    if (this.#byId.size > remembered && oldest !== undefined) this.#byId.delete(oldest)
  }

  /** It waits here, or goes back: it is not at the broker. */
  delete(id: string): void {
    this.#byId.delete(id)
  }

  /** Those that are not due yet. */
  list(now: Instant): readonly JsonObject[] {
    for (const [id, { dueAt }] of this.#byId) if (dueAt <= now) this.#byId.delete(id)
    return [...this.#byId.values()].map(({ shown }) => shown)
  }
}
