import { setTimeout as delay } from 'node:timers/promises'
import type { Fleet } from '../support/fleet.ts'
import { documentOf, type RunPlan } from './run-plans.ts'

export interface SubmittedRun {
  readonly id: string
  readonly plan: RunPlan
}

/** A client as it should be: it asks another scheduler when one does not answer, and repeats itself with the same key. */
export class Submitter {
  readonly #fleet: Fleet
  readonly #ledger: string
  #next = 0
  readonly accepted: SubmittedRun[] = []
  /** Refusals by status; `none` = no answer. */
  readonly refusals: Record<string, number> = {}
  /** Refusals that the client was not told when to come back after. */
  withoutRetryAfter = 0

  constructor(fleet: Fleet, ledger: string) {
    this.#fleet = fleet
    this.#ledger = ledger
  }

  /** Resolves when the run was accepted, however long that takes. */
  async submit(plan: RunPlan): Promise<void> {
    const body = documentOf(plan, this.#ledger)
    for (;;) {
      const id = await this.#ask(plan.name, body)
      if (id !== null) return void this.accepted.push({ id, plan })
      await delay(200)
    }
  }

  async #ask(key: string, body: string): Promise<string | null> {
    const { schedulers } = this.#fleet
    const scheduler = schedulers[this.#next++ % schedulers.length]
    try {
      const answer = await fetch(`${scheduler?.url}/api/v1/runs`, {
        method: 'POST',
        headers: {
          authorization: 'Bearer test-token',
          'content-type': 'application/yaml',
          'idempotency-key': key,
        },
        body,
        signal: AbortSignal.timeout(5_000),
      })
      const text = await answer.text()
      if (answer.status === 202) return (JSON.parse(text) as { id: string }).id
      // Anything else is our own mistake, or a defect.
      if (answer.status < 500 && answer.status !== 429) throw new RefusedForGood(`${answer.status} ${text}`)
      if (answer.headers.get('retry-after') === null) this.withoutRetryAfter++
      this.#refused(String(answer.status))
    } catch (error) {
      if (error instanceof RefusedForGood) throw error
      this.#refused('none')
    }
    return null
  }

  #refused(why: string): void {
    this.refusals[why] = (this.refusals[why] ?? 0) + 1
  }
}

class RefusedForGood extends Error {}
