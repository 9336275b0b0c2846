import { isFinalRunState, type RunRecord } from '@celeriac/core'
import type { OperatorChangeView, RunChangeView, RunEventView } from '@celeriac/contracts'
import type { InboxContent } from './change-inbox.ts'
import { operatorChangeOf, runChangeOf } from './changes.ts'
import { isNewer, type TaskPlace } from './newer.ts'

/** An event without its id. */
export type RunNews = Pick<Extract<RunEventView, { event: 'run' | 'operator' }>, 'event' | 'data'>

interface ToldOperator extends TaskPlace {
  /** Tells apart what is worth an event within one state: progress. */
  readonly detail: string
}

/**
 * What a watcher has been told of a run. Decides which of the changes that arrive are news to it: broadcasts that were
 * sent before the snapshot was read are not, and what the database says that no broadcast said is.
 */
export class ToldRun {
  #run: RunChangeView
  readonly #operators = new Map<string, ToldOperator>()

  /** @param record the snapshot that the watcher begins with */
  constructor(record: RunRecord) {
    this.#run = runChangeOf(record.head)
    for (const change of changesOf(record)) this.#tell(change, record.head.version)
  }

  get run(): RunChangeView {
    return this.#run
  }

  get isFinal(): boolean {
    return isFinalRunState(this.#run.state)
  }

  /** The news among changes that were broadcast. */
  take({ run, operators }: Pick<InboxContent, 'run' | 'operators'>): RunNews[] {
    const news: RunNews[] = []
    for (const { change, version } of operators) {
      const told = this.#operators.get(change.id)
      if (told === undefined || !isNewer({ version, attempt: change.attempt, state: change.state }, told))
        continue
      if (this.#tell(change, version)) news.push({ event: 'operator', data: change })
    }
    if (run !== null && run.version > this.#run.version) news.push(this.#tellRun(run))
    return news
  }

  /** The news in the database. The record must have been read after the last change was taken. */
  compare(record: RunRecord): RunNews[] {
    const news: RunNews[] = []
    for (const change of changesOf(record))
      if (this.#tell(change, record.head.version)) news.push({ event: 'operator', data: change })
    if (record.head.version > this.#run.version) news.push(this.#tellRun(runChangeOf(record.head)))
    return news
  }

  #tellRun(run: RunChangeView): RunNews {
    this.#run = run
    return { event: 'run', data: run }
  }

  /** True when it differs from what was told before. */
  #tell(change: OperatorChangeView, version: number): boolean {
    const { id, attempt, state, progress } = change
    const told = this.#operators.get(id)
    const detail = progress === null ? '' : `${progress.current}/${progress.total} ${progress.message}`
    this.#operators.set(id, { version, attempt, state, detail })
    return told === undefined || told.attempt !== attempt || told.state !== state || told.detail !== detail
  }
}

function* changesOf({ plan, tasks }: RunRecord): Generator<OperatorChangeView> {
  for (const { id, ordinal } of plan.operators) {
    const task = tasks[ordinal]
    if (task !== undefined) yield operatorChangeOf(id, task)
  }
}
