import { AppError, messageOf, type Clock, type Instant } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

const checkMs = 250
const pingEveryMs = 500
/** Without an answer for this long the database is away: two pings in a row, at the least, stayed unanswered. */
const awayAfterMs = 1_700
/** Whoever looks less often was asleep itself: the database had no chance to answer. */
const longestGapMs = 1_000
/** It must have answered for this long before it counts as back; twice as long after each relapse, up to the longest. */
const backAfterMs = { first: 700, longest: 30_000 } as const
/** Away again within this time is a relapse. */
const relapseMs = 60_000

export interface DatabaseWatchDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** Asks the database for a sign of life; expected to give up by itself within a second or so. */
  readonly ping: () => Promise<void>
  /** Gives up what needs the database. Awaited before `onBack` can be called. */
  readonly onAway: () => Promise<void>
  readonly onBack: () => Promise<void>
}

/**
 * Notices within two seconds that this scheduler is cut off from the database, whatever its calls hang in: statements wait
 * for half a minute, and meanwhile its peers, which may reach the database, must have its partitions.
 */
export class DatabaseWatch {
  readonly #deps: DatabaseWatchDeps
  /** When the last ping that was answered was sent. */
  #answeredAt: Instant
  #firstAnswerAt: Instant | null = null
  #pingedAt: Instant = -Infinity
  #lookedAt: Instant
  #awaySince: Instant | null = null
  #lastBackAt: Instant = -Infinity
  #backAfterMs: number = backAfterMs.first
  #changing: Promise<void> = Promise.resolve()
  #isChanging = false
  #isStopped = false
  #cancelTimer: () => void = () => {}
  readonly #giveUps = new Set<(error: AppError) => void>()

  constructor(deps: DatabaseWatchDeps) {
    this.#deps = deps
    this.#answeredAt = this.#lookedAt = deps.clock.now()
  }

  /** Since when the database does not answer; null while it does. */
  get awaySince(): Instant | null {
    return this.#awaySince
  }

  get isAway(): boolean {
    return this.#awaySince !== null
  }

  start(): void {
    this.#answeredAt = this.#lookedAt = this.#deps.clock.now()
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    await this.#changing
  }

  /**
   * The outcome of a call of the store, unless the database goes away first: then STORE_UNAVAILABLE at once. What the call
   * does later, it does alone; every write is fenced.
   */
  whileThere<T>(call: () => Promise<T>): Promise<T> {
    if (this.isAway) return Promise.reject(cutOff())
    return new Promise((resolve, reject) => {
      this.#giveUps.add(reject)
      void call()
        .then(resolve, reject)
        .finally(() => this.#giveUps.delete(reject))
    })
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#deps.clock.after(checkMs, () => {
      this.#check()
      this.#schedule()
    })
  }

  #check(): void {
    const now = this.#deps.clock.now()
    const gapMs = now - this.#lookedAt
    this.#lookedAt = now
    const wasAsleep = gapMs < 0 || gapMs > longestGapMs
    if (wasAsleep && !this.isAway) this.#answeredAt = now
    if (wasAsleep || now - this.#pingedAt >= pingEveryMs) this.#ping(now)
    if (this.#isChanging) return
    if (!this.isAway && now - this.#answeredAt >= awayAfterMs) this.#change(() => this.#leave(now))
    else if (this.isAway && this.#hasAnsweredFor(now) >= this.#backAfterMs)
      this.#change(() => this.#return(now))
  }

  #ping(now: Instant): void {
    this.#pingedAt = now
    this.#deps.ping().then(
      () => {
        // An answer that took longer than it takes to be called away counts for its question alone.
        if (now > this.#answeredAt) this.#answeredAt = now
        this.#firstAnswerAt ??= now
      },
      () => {
        this.#firstAnswerAt = null
      },
    )
  }

  /** How long it has answered every ping by now. */
  #hasAnsweredFor(now: Instant): number {
    if (this.#firstAnswerAt === null || now - this.#answeredAt >= awayAfterMs) return 0
    return now - this.#firstAnswerAt
  }

  async #leave(now: Instant): Promise<void> {
    const { logger, onAway } = this.#deps
    const isRelapse = now - this.#lastBackAt < relapseMs
    this.#backAfterMs = isRelapse ? Math.min(2 * this.#backAfterMs, backAfterMs.longest) : backAfterMs.first
    this.#awaySince = now
    this.#firstAnswerAt = null
    logger.warn({}, 'database does not answer; partitions are given up')
    const error = cutOff()
    for (const giveUp of this.#giveUps) giveUp(error)
    this.#giveUps.clear()
    await onAway()
  }

  async #return(now: Instant): Promise<void> {
    this.#awaySince = null
    this.#lastBackAt = now
    this.#answeredAt = now
    this.#deps.logger.info({}, 'database answers again')
    await this.#deps.onBack()
  }

  /** One change at a time, so that what one has begun is finished before the next. */
  #change(change: () => Promise<void>): void {
    this.#isChanging = true
    this.#changing = change()
      .catch((error: unknown) =>
        this.#deps.logger.error({ err: messageOf(error) }, 'partitions not given up or not subscribed to'),
      )
      .finally(() => {
        this.#isChanging = false
      })
  }
}

const cutOff = (): AppError => new AppError('STORE_UNAVAILABLE', 'the database does not answer')
