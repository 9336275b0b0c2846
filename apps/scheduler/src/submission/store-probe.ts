import { AppError, messageOf, type Clock, type Instant, type Store } from '@celeriac/core'
import { within } from '@celeriac/runtime'

/** How long the database may take to answer `select`. A load balancer waits about as long. */
const patienceMs = 1_000
const freshMs = 500
/** A ping that hangs is not waited for by those that follow; a connection made later may work. */
const mostPings = 3
const nextPingMs = 1_000

const noAnswer = `no answer within ${patienceMs} ms`

export interface StoreProbeDeps {
  readonly store: Pick<Store, 'ping'>
  readonly clock: Clock
}

/**
 * Whether the database answers and takes writes, for those who must know within a second or two: the time limits of
 * statements are long, because some work takes long. Asks with one ping for all who ask at the same time.
 */
export class StoreProbe {
  readonly #deps: StoreProbeDeps
  #pings: readonly { readonly startedAt: Instant; readonly done: Promise<string> }[] = []
  #last: { readonly report: string; readonly at: Instant } | null = null

  constructor(deps: StoreProbeDeps) {
    this.#deps = deps
  }

  /** `ok`, or what is wrong. Never rejects, and answers within a second. */
  async check(): Promise<string> {
    const now = this.#deps.clock.now()
    if (this.#last !== null && this.#last.report === 'ok' && now - this.#last.at < freshMs) return 'ok'
    const newest = this.#pings.at(-1)
    if (newest === undefined || (now - newest.startedAt >= nextPingMs && this.#pings.length < mostPings))
      this.#ping(now)
    const answer = Promise.race(this.#pings.map(({ done }) => done))
    return (await within(patienceMs, answer, this.#deps.clock)) ?? noAnswer
  }

  /** Throws STORE_UNAVAILABLE unless the database answers and takes writes. */
  async require(): Promise<void> {
    const report = await this.check()
    if (report !== 'ok') throw unavailable(report)
  }

  /**
   * Waits for work that the database has a part in, but no longer than the database answers: then STORE_UNAVAILABLE, and
   * whether the work was done is open. Work that just takes long is waited for.
   */
  async watch<T>(work: Promise<T>): Promise<T> {
    const done = work.then((value) => ({ value }))
    // Whoever stops waiting does not hear of its failure.
    done.catch(() => undefined)
    for (;;) {
      const ended = await within(freshMs, done, this.#deps.clock)
      if (ended !== undefined) return ended.value
      const report = await Promise.race([this.check(), done.then(() => 'ok')])
      if (report !== 'ok') throw inDoubt(report)
    }
  }

  #ping(startedAt: Instant): void {
    const { store, clock } = this.#deps
    const done = store.ping().then(
      () => 'ok',
      (error: unknown) => messageOf(error),
    )
    const ping = { startedAt, done }
    this.#pings = [...this.#pings, ping]
    void done.then((report) => {
      this.#pings = this.#pings.filter((other) => other !== ping)
      this.#last = { report, at: clock.now() }
    })
  }
}

/** A statement that is on its way may still be carried out when the database comes back. */
const inDoubt = (report: string): AppError =>
  new AppError(
    'STORE_UNAVAILABLE',
    'the database stopped answering, and whether the request was carried out is not known; with an Idempotency-Key it can be repeated safely',
    { details: { database: report } },
  )

const unavailable = (report: string): AppError =>
  new AppError('STORE_UNAVAILABLE', 'the database does not answer or takes no writes; nothing was accepted', {
    details: { database: report },
  })
