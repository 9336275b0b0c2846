import type { DagPlan } from '@celeriac/core'

/**
 * Plans of DAG versions, which never change: the runs of one version share one copy, and only the first read of it
 * unpacks megabytes of JSON. The least recently used go first; the bound counts operators, since plans differ in size
 * by three orders of magnitude.
 */
export class PlanCache {
  readonly #maxOperators: number
  readonly #plans = new Map<string, DagPlan>()
  #operators = 0

  /** @param maxOperators operators in all plans together. The newest plan stays whatever its size. Default 50,000. */
  constructor(maxOperators = 50_000) {
    this.#maxOperators = maxOperators
  }

  async get(dagId: string, version: number, load: () => Promise<DagPlan>): Promise<DagPlan> {
    const key = `${dagId}/${version}`
    const plan = this.#plans.get(key) ?? (await load())
    this.#put(key, plan)
    return plan
  }

  #put(key: string, plan: DagPlan): void {
    if (!this.#plans.delete(key)) this.#operators += plan.operators.length
    this.#plans.set(key, plan)
    for (const [oldest, old] of this.#plans) {
      if (this.#operators <= this.#maxOperators || oldest === key) return
      this.#plans.delete(oldest)
      this.#operators -= old.operators.length
    }
  }
}
