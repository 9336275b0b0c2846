import { encodeEngineMessage, encodeRevoke } from '@celeriac/contracts'
import { isAppError, partitionOf, type ActiveFiring, type Instant, type WaitingFiring } from '@celeriac/core'
import type { BeatDeps } from './beat-deps.ts'
import { reportFirings } from './report-firings.ts'
import { gated, resolveStart } from './resolve-start.ts'

const waitingBatch = 100
/** A cancellation has no row behind it: it is said again until it has had its effect. */
const cancelAgainMs = 10_000

export interface WaitingLook {
  /** Entries with firings that waited when the look began. */
  readonly waiting: number
  readonly started: number
  /** Could not be started, by a defect. */
  readonly failed: number
}

/** Starts firings whose predecessors have ended, and cancels those where the entry says so. */
export class WaitingFirings {
  readonly #deps: BeatDeps
  /** By firing, when it was last told to stop. */
  readonly #cancelledAt = new Map<string, Instant>()

  constructor(deps: BeatDeps) {
    this.#deps = deps
  }

  /** One look. Rejects when the database does not answer or takes no writes. */
  async startOnce(signal: AbortSignal): Promise<WaitingLook> {
    const waiting = await this.#deps.store.listWaitingFirings({ limit: waitingBatch })
    let started = 0
    let failed = 0
    for (const each of waiting) {
      if (signal.aborted) break
      try {
        if (each.active.length > 0) await this.#cancelActive(each)
        else if (await this.#start(each)) started += 1
      } catch (err) {
        if (isAppError(err) && err.retryable) throw err
        failed += 1
        const fields = { err, schedule: each.schedule.name, firing_id: each.firing.id }
        this.#deps.logger.warn(fields, 'a firing that waits was not started; it is tried again')
      }
    }
    this.#forget(waiting.flatMap(({ active }) => active.map(({ id }) => id)))
    return { waiting: waiting.length, started, failed }
  }

  async #start({ firing, schedule }: WaitingFiring): Promise<boolean> {
    const { store } = this.#deps
    const start = gated(await resolveStart(schedule.target, this.#deps), this.#deps.admission)
    const outcome = await store.startWaitingFiring({ firingId: firing.id, scheduleId: schedule.id, start })
    if (outcome.kind === 'taken') return false
    reportFirings(outcome.firings, schedule.name, this.#deps)
    return true
  }

  async #cancelActive({ schedule, active }: WaitingFiring): Promise<void> {
    const { broker, topology, clock, logger } = this.#deps
    if (schedule.overlap !== 'cancel_previous' || broker.state !== 'open') return
    const now = clock.now()
    const due = active.filter(({ id }) => now - (this.#cancelledAt.get(id) ?? -Infinity) >= cancelAgainMs)
    if (due.length === 0) return
    for (const { id } of due) this.#cancelledAt.set(id, now)
    const ids = (kind: ActiveFiring['kind']) => due.flatMap((each) => (each.kind === kind ? [each.id] : []))
    const tasks = ids('task')
    logger.info(
      { schedule: schedule.name, firing_ids: due.map(({ id }) => id) },
      'earlier firings are cancelled',
    )
    await broker.publish([
      ...ids('run').map((run_id) =>
        encodeEngineMessage({ event: 'run.cancel', run_id }, topology.eventQueue(partitionOf(run_id))),
      ),
      ...(tasks.length === 0 ? [] : [encodeRevoke(topology.controlExchange, tasks)]),
    ])
  }

  #forget(activeIds: readonly string[]): void {
    const active = new Set(activeIds)
    for (const id of this.#cancelledAt.keys()) if (!active.has(id)) this.#cancelledAt.delete(id)
  }
}
