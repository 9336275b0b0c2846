import type { OperatorChangeView, OperatorTaskView, RunEventView, RunView } from '@celeriac/contracts'

/** A run as the events of its stream show it: the snapshot, with the changes laid over it. */
export class RunInMotion {
  #run: RunView | null = null
  readonly #places = new Map<string, number>()

  /** Null before the first snapshot. */
  get run(): RunView | null {
    return this.#run === null ? null : { ...this.#run, operators: [...this.#run.operators] }
  }

  apply({ event, data }: RunEventView): void {
    if (event === 'snapshot') {
      this.#run = { ...data, operators: [...data.operators] }
      for (const [place, { id }] of data.operators.entries()) this.#places.set(id, place)
      return
    }
    if (this.#run === null) return
    if (event !== 'operator') {
      this.#run = { ...this.#run, ...data }
      return
    }
    const place = this.#places.get(data.id)
    const operator = place === undefined ? undefined : this.#run.operators[place]
    if (place !== undefined && operator !== undefined) this.#run.operators[place] = changed(operator, data)
  }
}

const changed = (operator: OperatorTaskView, change: OperatorChangeView): OperatorTaskView => ({
  ...operator,
  ...change,
  error: change.error === null ? null : { ...change.error, traceback: null, details: {} },
})
