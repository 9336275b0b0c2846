import type { OperatorTaskView, RunSummaryView, RunView } from '@celeriac/contracts'
import type { Io } from '../io.ts'
import { attemptText, elapsedText, localTime } from './duration.ts'
import { stateSign, stateStyle } from './state-style.ts'
import { renderTable } from './table.ts'

export const runListTable = (runs: readonly RunSummaryView[], now: number, io: Io): string =>
  renderTable<RunSummaryView>(
    [
      { title: 'run', value: (run) => run.id },
      { title: 'dag', value: (run) => `${run.dag_name} v${run.dag_version}`, shrinksTo: 8 },
      {
        title: 'state',
        value: (run) => run.state,
        paint: (text, run) => io.paint(stateStyle(run.state), text),
      },
      { title: 'created', value: (run) => localTime(run.created_at), shrinksTo: 10 },
      {
        title: 'took',
        align: 'right',
        value: (run) => elapsedText(run.started_at, run.finished_at, now),
      },
    ],
    runs,
    io,
  )

/** One line about the run as a whole. */
export function runHeadline(
  run: RunSummaryView & Partial<Pick<RunView, 'submitted_by'>>,
  now: number,
  io: Pick<Io, 'paint'>,
): string {
  const state = io.paint(stateStyle(run.state), `${stateSign(run.state)} ${run.state}`)
  const took = elapsedText(run.started_at, run.finished_at, now)
  const by = run.submitted_by ?? ''
  return `${run.id}  ${run.dag_name} v${run.dag_version}  ${state}${took === '' ? '' : `  ${took}`}${by === '' ? '' : `  by ${by}`}`
}

export const operatorTable = (run: RunView, now: number, io: Io): string =>
  renderTable<OperatorTaskView>(
    [
      {
        title: '',
        value: (operator) => stateSign(operator.state),
        paint: (text, operator) => io.paint(stateStyle(operator.state), text),
      },
      { title: 'operator', value: (operator) => operator.id, shrinksTo: 16 },
      { title: 'algorithm', value: (operator) => operator.task ?? operator.algo_name, shrinksTo: 10 },
      {
        title: 'state',
        value: (operator) => operator.state,
        paint: (text, operator) => io.paint(stateStyle(operator.state), text),
      },
      { title: 'try', align: 'right', value: (operator) => String(operator.attempt) },
      {
        title: 'took',
        align: 'right',
        value: (operator) => attemptText(operator, now),
      },
      { title: '', value: noteOf, shrinksTo: 8 },
    ],
    run.operators,
    io,
  )

/** Longest text of a returned value: the table cuts what does not fit, but a line is not built for nothing. */
const longestReturned = 200

/** What there is to say about an operator beyond its state: its error, its progress, what it returned, why it was skipped. */
export function noteOf(operator: OperatorTaskView): string {
  if (operator.error !== null && operator.state !== 'succeeded')
    return `${operator.error.code}: ${operator.error.message}`
  if (operator.skipped !== null) return operator.skipped
  const { progress, returned } = operator
  if (operator.state === 'succeeded' && returned !== null && returned.value !== null) return textOf(returned)
  if (progress === null || operator.state !== 'running') return ''
  return `${progress.current}/${progress.total} ${progress.message}`.trimEnd()
}

/** A returned value as JSON; one that was cut off is JSON text already. */
function textOf({ value, is_cut_off }: NonNullable<OperatorTaskView['returned']>): string {
  const text = is_cut_off && typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return is_cut_off || text.length > longestReturned ? `${text.slice(0, longestReturned)}…` : text
}

/** Errors of a run in full: code, message, and the operator's own traceback. */
export function failureLines(run: RunView, io: Pick<Io, 'paint'>): string[] {
  return run.operators.flatMap((operator) => {
    if (operator.state !== 'failed' || operator.error === null) return []
    const { code, message, traceback } = operator.error
    return [
      `${io.paint('red', '✗')} ${operator.id}: ${code}: ${message}`,
      ...(traceback ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .slice(-12)
        .map((line) => io.paint('dim', `    ${line}`)),
    ]
  })
}
