import type { Instant } from '@celeriac/core'

/** A lease that is not renewed for this long is overdue. Workers renew theirs once a second. */
export const leaseTtlMs = 4_000
/** Whoever looks less often was asleep, or the clock jumped: it cannot tell who has been silent since. */
const longestGapMs = 1_000
/** After an outage of the broker: workers come back to it within their longest pause between two tries, 5 s. */
const reopenGraceMs = 10_000

interface Lease {
  worker: string
  expiresAt: Instant
  /** Another worker that runs the same attempt, delivered twice. */
  rival: { readonly worker: string; readonly expiresAt: Instant } | null
}

/**
 * The leases of attempts in flight: whose worker is alive, by its heartbeats. Pure: the time is given.
 *
 *   cover ─▶ held by a worker ──renew──▶ held        overdue ──▶ passed on to a rival, or released
 *              └──── not renewed for the TTL ─────────▶ ┘
 *
 * Only who has listened all the time may call a lease overdue: `look` says so, and otherwise gives every lease a full
 * term again. That makes the clock's jumps harmless as well.
 */
export class Leases {
  readonly #leases = new Map<string, Lease>()
  #lookedAt: Instant | null = null
  #wasDeaf = true

  get size(): number {
    return this.#leases.size
  }

  /** The worker whose lease it is; undefined when nobody's. */
  holderOf(attemptId: string): string | undefined {
    return this.#leases.get(attemptId)?.worker
  }

  /** The attempt is the worker's from now on: it says so, or the database does. */
  cover(attemptId: string, worker: string, now: Instant): void {
    this.#leases.set(attemptId, { worker, expiresAt: now + leaseTtlMs, rival: null })
  }

  /** Gives the lease a full term, if there is one. */
  extend(attemptId: string, now: Instant): void {
    const lease = this.#leases.get(attemptId)
    if (lease !== undefined) lease.expiresAt = now + leaseTtlMs
  }

  /**
   * The worker lists the attempt. `running` is who runs it by the database, null when nobody does.
   * @returns whether the lease is this worker's; of several that run one attempt, the first keeps it while it is alive
   */
  renew(attemptId: string, worker: string, running: string | null, now: Instant): boolean {
    const expiresAt = now + leaseTtlMs
    const lease = this.#leases.get(attemptId)
    if (lease === undefined)
      this.#leases.set(attemptId, { worker: running ?? worker, expiresAt, rival: null })
    else if (running !== null && lease.worker !== running)
      Object.assign(lease, { worker: running, expiresAt })
    else if (running === null && lease.expiresAt <= now) lease.worker = worker
    const held = this.#leases.get(attemptId)
    if (held === undefined) return false
    if (held.worker === worker) held.expiresAt = Math.max(held.expiresAt, expiresAt)
    else held.rival = { worker, expiresAt }
    return held.worker === worker
  }

  release(attemptId: string): void {
    this.#leases.delete(attemptId)
  }

  /**
   * To be called at least every {@link longestGapMs}, and before leases are judged.
   * @param canHear whether heartbeats could arrive since the last look
   * @returns whether leases may be judged now
   */
  look(now: Instant, canHear: boolean): boolean {
    const gapMs = this.#lookedAt === null ? Infinity : now - this.#lookedAt
    this.#lookedAt = now
    const isBack = canHear && this.#wasDeaf
    this.#wasDeaf = !canHear
    if (canHear && !isBack && gapMs >= 0 && gapMs <= longestGapMs) return true
    const expiresAt = now + (isBack ? reopenGraceMs : leaseTtlMs)
    for (const lease of this.#leases.values()) Object.assign(lease, { expiresAt, rival: null })
    return false
  }

  isOverdue(attemptId: string, now: Instant): boolean {
    const lease = this.#leases.get(attemptId)
    return lease !== undefined && lease.expiresAt <= now
  }

  /** Ids of the attempts whose leases are overdue. */
  overdue(now: Instant): string[] {
    return [...this.#leases].filter(([, { expiresAt }]) => expiresAt <= now).map(([id]) => id)
  }

  /** An overdue lease goes to another worker that runs the attempt as well. Null when there is none: released. */
  passOn(attemptId: string, now: Instant): string | null {
    const rival = this.#leases.get(attemptId)?.rival ?? null
    if (rival === null || rival.expiresAt <= now) {
      this.#leases.delete(attemptId)
      return null
    }
    this.#leases.set(attemptId, { worker: rival.worker, expiresAt: rival.expiresAt, rival: null })
    return rival.worker
  }
}
