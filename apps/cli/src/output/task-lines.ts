import { isEndTaskState, type TaskStageView, type TaskView } from '@celeriac/contracts/http'
import type { Io } from '../io.ts'
import { cellText } from '../commands/models.ts'
import { stateSign, stateStyle } from './state-style.ts'
import { renderTable } from './table.ts'

const barWidth = 20

/** A task for people: state, progress, stages, and how it ended. */
export function* taskLines(task: TaskView, io: Io): Generator<string> {
  const { percent, message } = task.progress
  const filled = Math.round((percent / 100) * barWidth)
  const bar = `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${Math.round(percent)} %`
  yield `${task.id}  ${task.dag_name ?? 'plain task'}  ${task.state}  ${bar}  ${clean(message)}`.trimEnd()
  if (task.is_cancelling && !isEndTaskState(task.state)) yield 'it is being cancelled'
  const stages = renderTable<TaskStageView>(
    [
      {
        title: '',
        value: (stage) => stateSign(stage.state),
        paint: (text, stage) => io.paint(stateStyle(stage.state), text),
      },
      { title: 'stage', value: (stage) => stage.id, shrinksTo: 16 },
      { title: 'algorithm', value: (stage) => stage.algo_name, shrinksTo: 10 },
      {
        title: 'state',
        value: (stage) => stage.state,
        paint: (text, stage) => io.paint(stateStyle(stage.state), text),
      },
      { title: 'try', align: 'right', value: (stage) => String(stage.attempt) },
      { title: '', value: stageNote, shrinksTo: 8 },
    ],
    task.stages,
    io,
  )
  if (stages !== '') yield stages
  yield* endLines(task, io)
}

/** Error, or model, metrics and value, of a task that has ended. */
export function* endLines({ result, error }: TaskView, io: Io): Generator<string> {
  if (error !== null) yield `${io.paint('red', error.code)}: ${clean(error.message)}`
  if (result === null) return
  if (result.model !== null) yield `model ${result.model.name} v${result.model.version}`
  for (const [name, value] of Object.entries(result.metrics)) yield `${name} = ${cellText(value)}`
  if (result.value !== null) yield `value ${clean(cellText(result.value))}`
}

function stageNote({ state, progress }: TaskStageView): string {
  if (progress === null || state !== 'running' || progress.total <= 0) return ''
  return `${cellText(progress.n)} of ${cellText(progress.total)} ${clean(progress.message)}`.trimEnd()
}

/** Messages quote what operators said. */
const clean = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ')
