/** The live screen of a run, as a pure function: a state goes in, lines come out that fit the terminal. */
import { isFinalTaskState } from '@celeriac/core'
import type { OperatorTaskView, RunView } from '@celeriac/contracts'
import type { Io } from '../io.ts'
import { attemptText } from '../output/duration.ts'
import { noteOf, runHeadline } from '../output/run-table.ts'
import { stateSign, stateStyle } from '../output/state-style.ts'
import { fit, pad, padLeft, widthOf } from '../output/text-width.ts'

const stateWidth = 'upstream_failed'.length
const tookWidth = 12
/** Narrower terminals do without the times. */
const leastColumnsForTimes = 60
const barWidth = 10
/** Headline, blank line, summary, and one line for the cursor. */
const linesAround = 4

/** At most `io.rows` lines of at most `io.columns` cells. */
export function runScreen(run: RunView, now: number, io: Pick<Io, 'columns' | 'rows' | 'paint'>): string[] {
  const shown = chooseOperators(run.operators, Math.max(1, io.rows - linesAround))
  const tookRoom = io.columns < leastColumnsForTimes ? 0 : tookWidth + 1
  const idWidth = Math.min(
    Math.max(...shown.map((operator) => widthOf(operator.id)), 8),
    Math.max(8, Math.min(io.columns - 4 - stateWidth - tookRoom, Math.floor(io.columns * 0.45))),
  )
  return [
    fitPainted(runHeadline(run, now, { ...plain(io), paint: io.paint }), run, now, io),
    ...shown.map((operator) => operatorLine(operator, { idWidth, tookRoom }, now, io)),
    io.paint('dim', fit(summaryLine(run.operators, shown.length), io.columns)),
  ]
}

/** A headline that does not fit is shown without colours, so that no escape sequence is cut in two. */
function fitPainted(
  painted: string,
  run: RunView,
  now: number,
  io: Pick<Io, 'columns' | 'rows' | 'paint'>,
): string {
  const bare = runHeadline(run, now, plain(io))
  return fit(bare, io.columns) === bare ? painted : fit(bare, io.columns)
}

const plain = (io: Pick<Io, 'columns' | 'rows'>): Io => ({
  columns: io.columns,
  rows: io.rows,
  isTty: false,
  paint: (_style, text) => text,
  out: () => undefined,
  err: () => undefined,
})

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

/** The operators that matter most, in the order of the document. Of finished ones the latest. */
function chooseOperators(operators: readonly OperatorTaskView[], room: number): OperatorTaskView[] {
  if (operators.length <= room) return [...operators]
  const chosen = new Set(
    operators
      .toSorted(
        (a, b) => attention(a) - attention(b) || (b.finished_at ?? '').localeCompare(a.finished_at ?? ''),
      )
      .slice(0, room),
  )
  return operators.filter((operator) => chosen.has(operator))
}

function operatorLine(
  operator: OperatorTaskView,
  { idWidth, tookRoom }: { readonly idWidth: number; readonly tookRoom: number },
  now: number,
  io: Pick<Io, 'columns' | 'paint'>,
): string {
  const style = stateStyle(operator.state)
  const took = attemptText(operator, now)
  const fixed = 2 + idWidth + 2 + stateWidth + tookRoom
  const note = operatorNote(operator)
  const room = io.columns - fixed - 2
  return [
    io.paint(style, stateSign(operator.state)),
    ' ',
    pad(fit(operator.id, idWidth), idWidth),
    '  ',
    io.paint(style, pad(operator.state, stateWidth)),
    tookRoom === 0 ? '' : padLeft(took, tookRoom),
    note === '' || room < 4 ? '' : `  ${fit(note, room)}`,
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
  return `${finished}/${operators.length} finished: ${states}${hidden}`
}
