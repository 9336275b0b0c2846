/**
 * Lets runs through to the engine as far as the limits of active runs allow. Each scheduler has an admission, and any
 * number of them may look at the same runs: the database counts, under a lock (`Store.admitRuns`).
 *
 *   submitted ──▶ queued, waits ──admitRuns──▶ queued, admitted ──run.created──▶ running ──▶ final ──▶ next look
 *                      └─ far from every limit: admitted by the insert itself ─┘
 *
 * Nothing is remembered but hints. A process that dies after a run was stored, or admitted, or has ended, leaves rows from
 * which any scheduler's next look, a second later at most, goes on: to admit is idempotent, and the engine's own scan finds
 * what was admitted and not announced. So no run waits for ever.
 *
 * Far from the limits nothing is counted when a run is submitted: each look at the rows allows this scheduler so many
 * submissions without a count, a small part of what is left, until the next look. Close to a limit, or when the last look
 * is too long ago, each submission is counted, or waits.
 */
import { encodeEngineMessage } from '@celeriac/contracts'
import {
  isFinalRunState,
  messageOf,
  type Admitted,
  type Broker,
  type Clock,
  type Instant,
  type RunHead,
  type Store,
  type SubmissionGate,
} from '@celeriac/core'
import type { Topology } from '@celeriac/broker'
import type { Logger, Service } from '@celeriac/runtime'
import type { RunLimits } from './run-limits.ts'

const lookMs = 1_000
/** Runs of one transaction. */
const admitBatch = 500
/** What a look allows holds for so long. */
const allowanceMs = 1_500
/** Open runs are counted no more often: often enough for their allowance to hold from one look to the next. */
const countOpenMs = 500
/** A look allows this part of what is left, while no more than half of a limit is taken: for as many schedulers. */
const allowancePart = 16

export interface AdmissionDeps {
  readonly store: Pick<Store, 'admitRuns'>
  readonly broker: Broker
  readonly topology: Topology
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: RunLimits
}

/** Submissions that need no count for a while. */
interface Allowance {
  readonly countedAt: Instant
  left: number
}
const nothing: Allowance = { countedAt: Number.NEGATIVE_INFINITY, left: 0 }

export class Admission implements Service {
  readonly name = 'admission'
  readonly #deps: AdmissionDeps
  readonly #allowances: Record<'active' | 'open', Allowance> = { active: nothing, open: nothing }
  #isWaiting = true
  #isAsked = false
  #isStopped = false
  #isFailing = false
  #cancelTimer: () => void = () => {}
  #looking: Promise<void> | null = null

  constructor(deps: AdmissionDeps) {
    this.#deps = deps
  }

  /** Runs waited at the last look. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** What the next run that is submitted here has to pass, or the next so many: a schedule may catch up on hundreds. */
  gate(runs = 1): SubmissionGate {
    const { maxOpenRuns, maxOpenRunsPerDag, maxActiveRuns } = this.#deps.limits
    const isFarFromOpen = maxOpenRuns === null || this.#isAllowed('open', runs)
    const isAdmitted = maxActiveRuns === null || this.#isAllowed('active', runs)
    return { maxOpenRuns: isFarFromOpen ? null : maxOpenRuns, maxOpenRunsPerDag, isAdmitted }
  }

  #isAllowed(what: 'active' | 'open', runs: number): boolean {
    const allowance = this.#allowances[what]
    if (this.#deps.clock.now() - allowance.countedAt >= allowanceMs || allowance.left < runs) return false
    allowance.left -= runs
    return true
  }

  /** A run waits, or has made room: looks at once. */
  kick(): void {
    // Who asks again and again must not put the look off again and again.
    if (this.#isAsked) return
    this.#isAsked = true
    if (this.#looking === null) this.#schedule(0)
  }

  /** Runs as the engine has stored them. */
  committed(runs: Iterable<{ readonly head: RunHead }>): void {
    for (const { head } of runs) {
      if (!isFinalRunState(head.state)) continue
      this.kick()
      return
    }
  }

  /** Does not wait for the first look. */
  async start(): Promise<void> {
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    await this.#looking
  }

  /** One look. Rejects when the database does not answer or takes no writes. */
  async lookOnce(): Promise<Admitted> {
    const { store, clock, limits } = this.#deps
    const { maxActiveRuns, maxOpenRuns } = limits
    const startedAt = clock.now()
    this.#isAsked = false
    // While runs wait, one look follows another, and to count tens of thousands takes longer than all the rest of it.
    const countsOpen = maxOpenRuns !== null && startedAt - this.#allowances.open.countedAt >= countOpenMs
    const found = await store.admitRuns({
      maxActiveRuns,
      limit: admitBatch,
      countOpenTo: countsOpen ? half(maxOpenRuns) + 1 : 0,
    })
    this.#isWaiting = found.isWaiting
    this.#allowances.active = { countedAt: startedAt, left: allowed(maxActiveRuns, found.active) }
    if (countsOpen) this.#allowances.open = { countedAt: startedAt, left: allowed(maxOpenRuns, found.open) }
    this.#announce(found.runs)
    return found
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer()
    if (this.#isStopped) return
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#looking = this.#lookAndTell().then((nextInMs) => {
        this.#looking = null
        this.#schedule(this.#isAsked ? 0 : nextInMs)
      })
    })
  }

  /** When the database is away, it is said once, not every second. */
  async #lookAndTell(): Promise<number> {
    const { logger } = this.#deps
    try {
      const { runs } = await this.lookOnce()
      if (this.#isFailing) logger.info('runs are admitted again')
      this.#isFailing = false
      if (runs.length > 0) logger.debug({ runs: runs.length }, 'runs admitted')
      return runs.length === admitBatch ? 0 : lookMs
    } catch (error) {
      if (!this.#isFailing)
        logger.warn({ err: messageOf(error) }, 'runs cannot be admitted; trying again every second')
      this.#isFailing = true
      this.#isAsked = false
      return lookMs
    }
  }

  /** It only saves time: the engine's scan finds them within a second. */
  #announce(runs: Admitted['runs']): void {
    const { broker, topology, logger } = this.#deps
    if (runs.length === 0 || broker.state !== 'open') return
    const messages = runs.map(({ id, partition }) =>
      encodeEngineMessage({ event: 'run.created', run_id: id }, topology.eventQueue(partition)),
    )
    broker
      .publish(messages)
      .catch((error: unknown) => logger.warn({ err: messageOf(error) }, 'admitted runs were not announced'))
  }
}

const half = (limit: number): number => Math.floor(limit / 2)

function allowed(limit: number | null, taken: number): number {
  if (limit === null) return Number.POSITIVE_INFINITY
  return taken > half(limit) ? 0 : Math.floor((limit - taken) / allowancePart)
}
