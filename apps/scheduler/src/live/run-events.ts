/**
 * The events of one run for one watcher: a snapshot, then changes, then `end`.
 *
 * Changes come by broadcast, which may lose some. So the watcher compares what it was told with the database whenever it
 * may have missed something: a second after its beginning, then every 15 s, after the subscription was renewed, and before
 * it says that the run has ended.
 */
import { isFinalRunState, messageOf, type Clock, type FinalRunState, type RunRecord } from '@celeriac/core'
import type { RunEventView, RunView } from '@celeriac/contracts'
import type { Logger } from '@celeriac/runtime'
import type { ChangeInbox } from './change-inbox.ts'
import { ToldRun, type RunNews } from './told-run.ts'

/** A watcher hears something, if only a heartbeat, at least this often. */
const heartbeatMs = 15_000
/** By then the owner of the run has heard of the watcher. */
const firstCompareMs = 1_000
/** While the database is away, the comparison is tried again after this time. */
const retryMs = 1_000

/** `<version>-<number>` or `<version>-end`. */
export interface EventId {
  readonly version: number
  readonly number: number | 'end'
}

export interface RunEventsInput {
  readonly inbox: ChangeInbox
  /** Read after the inbox was opened. */
  readonly record: RunRecord
  /** The same, as clients see it. */
  readonly view: RunView
  /** The last event that the client has seen of this run; null at first. */
  readonly lastEventId: EventId | null
}

export interface RunEventsDeps {
  readonly findRun: (runId: string) => Promise<RunRecord | null>
  readonly clock: Clock
  readonly logger: Logger
}

/** What the client was sent last; null for anything else than one of our ids. */
export function parseEventId(text: string | undefined): EventId | null {
  const [, version, number] = /^(\d{1,9})-(\d{1,15}|end)$/.exec(text ?? '') ?? []
  if (version === undefined || number === undefined) return null
  return { version: Number(version), number: number === 'end' ? 'end' : Number(number) }
}

/** True when the client has seen the end of this run, and it was not rerun since. */
export const hasSeenEnd = (record: RunRecord, last: EventId | null): boolean =>
  last?.number === 'end' && last.version === record.head.version && isFinalRunState(record.state)

/** Ends after `end`, or when the inbox is closed. `heartbeat` stands for silence. */
export async function* runEvents(
  { inbox, record, view, lastEventId }: RunEventsInput,
  deps: RunEventsDeps,
): AsyncGenerator<RunEventView | 'heartbeat'> {
  const told = new ToldRun(record)
  let number = typeof lastEventId?.number === 'number' ? lastEventId.number : 0
  const nextId = (): string => `${told.run.version}-${++number}`
  yield { event: 'snapshot', id: nextId(), data: view }

  let compareAt = deps.clock.now() + firstCompareMs
  while (!told.isFinal && !inbox.isClosed) {
    const { run, operators, ...content } = inbox.take()
    // Changes that were broadcast in parts may still follow the end: the database has them all.
    const hasEnded = run !== null && isFinalRunState(run.state)
    for (const news of told.take({ run: hasEnded ? null : run, operators })) yield withId(news, nextId())
    if (content.mustCheck || hasEnded || deps.clock.now() >= compareAt) {
      const found = await newsOf(told, deps)
      compareAt = deps.clock.now() + (found === null ? retryMs : heartbeatMs)
      for (const news of found ?? []) yield withId(news, nextId())
      if (told.isFinal) break
    }
    const heard = await inbox.wait(deps.clock, Math.max(0, compareAt - deps.clock.now()))
    if (heard === 'silence') yield 'heartbeat'
  }
  if (!told.isFinal) return
  const { id, state, version } = told.run
  yield { event: 'end', id: `${version}-end`, data: { id, state: state as FinalRunState, version } }
}

/** Null while the database is away. */
async function newsOf(told: ToldRun, { findRun, logger }: RunEventsDeps): Promise<RunNews[] | null> {
  try {
    const record = await findRun(told.run.id)
    return record === null ? null : told.compare(record)
  } catch (error) {
    logger.debug({ err: messageOf(error), run_id: told.run.id }, 'watched run not compared with the database')
    return null
  }
}

const withId = (news: RunNews, id: string): RunEventView => ({ ...news, id }) as RunEventView
