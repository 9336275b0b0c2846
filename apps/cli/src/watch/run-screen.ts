/** The live screen of a run, as a pure function: a state goes in, lines come out that fit the terminal. */
import { isFinalRunState, isFinalTaskState } from '@celeriac/core'
import type { OperatorTaskView, RunView } from '@celeriac/contracts'
import type { Io } from '../io.ts'
import { attemptText, elapsedText } from '../output/duration.ts'
import { metricsTable } from '../output/metrics-table.ts'
import { failureLines, noteOf } from '../output/run-table.ts'
import { stateSign, stateStyle } from '../output/state-style.ts'
import { fit, fitMiddle, pad, padLeft, widthOf } from '../output/text-width.ts'

type Screen = Pick<Io, 'columns' | 'rows' | 'paint'>

/** Of the states that most operators are in most of the time; longer ones widen the column. */
const leastStateWidth = 'succeeded'.length
const tookWidth = '59 min 59 s'.length
const signWidth = 2
const gap = 2
/** Narrower terminals do without the times. */
const leastColumnsForTimes = 60
/** Less is left of a name than says which one it is: the id goes first. */
const leastNameWidth = 12
const barWidth = 10
/** Ids take at most this share of a line: on 80 columns the progress bar and its percentage still fit. */
const mostOfLine = 0.35
/** Headline, titles, summary, and one line for the cursor. */
const linesAround = 4
/** Of a long end (errors with tracebacks) the screen keeps at least these operators. */
const leastOperators = 3

/** At most `io.rows` lines of at most `io.columns` cells; fewer at the end, so that the results fit below. */
export function runScreen(run: RunView, now: number, io: Screen): string[] {
  const room = Math.max(1, io.rows - linesAround)
  const shown = chooseOperators(
    run.operators,
    Math.min(room, Math.max(leastOperators, room - linesBelow(run, io))),
  )
  const widths = columnWidths(shown, io.columns)
  return [
    headline(run, now, io),
    io.paint('dim', fit(titles(widths), io.columns)),
    ...shown.map((operator) => operatorLine(operator, widths, now, io)),
    io.paint('dim', fit(summaryLine(run.operators, shown.length), io.columns)),
  ]
}

/** The lines that come under the last picture: metrics, errors, and the prompt. */
function linesBelow(run: RunView, io: Screen): number {
  if (!isFinalRunState(run.state)) return 0
  const metrics = metricsTable(run, io)
  return (metrics === '' ? 0 : metrics.split('\n').length + 1) + failureLines(run, io).length + 1
}

/** The state is never cut; the name of the DAG is, and on narrow terminals the id is left out. */
function headline(run: RunView, now: number, io: Screen): string {
  const state = `${stateSign(run.state)} ${run.state}`
  const took = elapsedText(run.started_at, run.finished_at, now)
  const version = ` v${run.dag_version}`
  const after = `${took === '' ? '' : `  ${took}`}`
  const fixed = widthOf(version) + gap + widthOf(state) + widthOf(after)
  const withId = io.columns - fixed - widthOf(run.id) - gap
  const hasRoomForId = withId >= Math.min(leastNameWidth, widthOf(run.dag_name))
  const name = fitMiddle(run.dag_name, Math.max(1, hasRoomForId ? withId : io.columns - fixed))
  const id = hasRoomForId ? `${run.id}  ` : ''
  const bare = `${id}${name}${version}  ${state}${after}`
  // One that does not fit even so is shown without colours, so that no escape sequence is cut in two.
  if (widthOf(bare) > io.columns) return fit(bare, io.columns)
  return `${id}${name}${version}  ${io.paint(stateStyle(run.state), state)}${after}`
}

interface Widths {
  readonly id: number
  readonly state: number
  /** With its gap; 0 where there is no room for times. */
  readonly took: number
  readonly note: number
}

function columnWidths(shown: readonly OperatorTaskView[], columns: number): Widths {
  const took = columns < leastColumnsForTimes ? 0 : tookWidth + 1
  const longest = Math.max(...shown.map((operator) => widthOf(operator.id)), 'operator'.length)
  const state = Math.max(leastStateWidth, ...shown.map((operator) => operator.state.length))
  const most = Math.min(columns - signWidth - gap - state - took, Math.floor(columns * mostOfLine))
  const id = Math.min(longest, Math.max('operator'.length, most))
  return { id, state, took, note: columns - signWidth - id - gap - state - took - gap }
}

const titles = ({ id, state, took }: Widths): string =>
  [
    ' '.repeat(signWidth),
    pad('operator', id + gap),
    pad('state', state),
    took === 0 ? '' : padLeft('took', took),
  ]
    .join('')
    .trimEnd()

/** How much each state is worth looking at when there is no room for all. */
const attention = (operator: OperatorTaskView): number => {
  switch (operator.state) {
    case 'running':
      return 0
    case 'failed':
      return 1
    case 'retry_wait':
      return 2
    case 'queued':
    case 'ready':
      return 3
    case 'succeeded':
    case 'skipped':
    case 'cancelled':
    case 'upstream_failed':
      return 4
    case 'pending':
      return 5
  }
}

/**
 * All operators in the order of the document; where they do not fit, those that matter most, first what runs and what
 * failed. Of finished ones the latest.
 */
function chooseOperators(operators: readonly OperatorTaskView[], room: number): readonly OperatorTaskView[] {
  if (operators.length <= room) return operators
  const byAttention = (a: OperatorTaskView, b: OperatorTaskView): number => attention(a) - attention(b)
  const chosen = new Set(
    operators
      .toSorted((a, b) => byAttention(a, b) || (b.finished_at ?? '').localeCompare(a.finished_at ?? ''))
      .slice(0, room),
  )
  return operators.filter((operator) => chosen.has(operator)).toSorted(byAttention)
}

function operatorLine(operator: OperatorTaskView, widths: Widths, now: number, io: Screen): string {
  const style = stateStyle(operator.state)
  const note = operatorNote(operator)
  return [
    io.paint(style, pad(stateSign(operator.state), signWidth)),
    pad(fitMiddle(operator.id, widths.id), widths.id + gap),
    io.paint(style, pad(operator.state, widths.state)),
    widths.took === 0 ? '' : padLeft(attemptText(operator, now), widths.took),
    note === '' || widths.note < 4 ? '' : `  ${fit(note, widths.note)}`,
  ].join('')
}

function operatorNote(operator: OperatorTaskView): string {
  const again = operator.attempt > 1 ? `attempt ${operator.attempt} ` : ''
  const { progress } = operator
  if (progress === null || operator.state !== 'running' || progress.total <= 0)
    return again + noteOf(operator)
  const share = Math.min(1, Math.max(0, progress.current / progress.total))
  const filled = Math.round(share * barWidth)
  const bar = `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}]`
  return `${again}${bar} ${Math.round(share * 100)} % ${progress.message}`.trimEnd()
}

function summaryLine(operators: readonly OperatorTaskView[], shown: number): string {
  const counts = new Map<string, number>()
  for (const { state } of operators) counts.set(state, (counts.get(state) ?? 0) + 1)
  const finished = operators.filter((operator) => isFinalTaskState(operator.state)).length
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(', ')
  const hidden = operators.length > shown ? ` (${operators.length - shown} not shown)` : ''
  return `${finished}/${operators.length} finished${hidden}: ${states}`
}
