import type { OperatorChangeView, RunChanges, RunChangeView } from '@celeriac/contracts'
import type { Clock } from '@celeriac/core'
import { isNewer, type OperatorNews } from './newer.ts'

/** What waits for one watcher. */
export interface InboxContent {
  readonly run: RunChangeView | null
  readonly operators: readonly OperatorNews[]
  /** Broadcasts may have been missed: the database knows. */
  readonly mustCheck: boolean
}

/**
 * What one watcher of a run has not been told yet: the latest state of each operator task, whatever number of changes led
 * there. So it never holds more than the run has operators, however slowly the watcher reads.
 */
export class ChangeInbox {
  #run: RunChangeView | null = null
  #operators = new Map<string, OperatorNews>()
  #mustCheck = false
  #isClosed = false
  #wake: () => void = () => {}

  get isClosed(): boolean {
    return this.#isClosed
  }

  put({ run, operators, partial }: RunChanges): void {
    if (this.#run === null || run.version >= this.#run.version) this.#run = run
    for (const change of operators) this.#putOperator(change, run.version)
    if (partial === true) this.#mustCheck = true
    this.#wake()
  }

  /** Makes the watcher compare itself with the database. */
  check(): void {
    this.#mustCheck = true
    this.#wake()
  }

  /** Nothing more will come. */
  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  take(): InboxContent {
    const content = { run: this.#run, operators: [...this.#operators.values()], mustCheck: this.#mustCheck }
    this.#run = null
    this.#operators = new Map()
    this.#mustCheck = false
    return content
  }

  /** Resolves when there is something to take or the inbox is closed (`news`), else after `timeoutMs` (`silence`). */
  async wait(clock: Clock, timeoutMs: number): Promise<'news' | 'silence'> {
    if (this.#isClosed || this.#mustCheck || this.#run !== null) return 'news'
    return new Promise((resolve) => {
      const end = (outcome: 'news' | 'silence'): void => {
        this.#wake = () => {}
        cancel()
        resolve(outcome)
      }
      const cancel = clock.after(timeoutMs, () => end('silence'))
      this.#wake = () => end('news')
    })
  }

  #putOperator(change: OperatorChangeView, version: number): void {
    const news = { change, version }
    const before = this.#operators.get(change.id)
    // Only the last broadcast of a former owner of the run can be late.
    if (before === undefined || isNewer(placeOf(news), placeOf(before))) this.#operators.set(change.id, news)
  }
}

const placeOf = ({ change, version }: OperatorNews) => ({
  version,
  attempt: change.attempt,
  state: change.state,
})
