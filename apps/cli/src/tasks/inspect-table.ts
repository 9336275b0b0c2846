/** What workers answered to `inspect`, as tables. Answers come from other programs: what is not understood is shown raw. */
import {
  queriedTasksSchema,
  queueInfoSchema,
  scheduledTaskSchema,
  taskInfoSchema,
  workerStatsSchema,
  type TaskInfo,
} from '@celeriac/tasks'
import { z } from 'zod'
import { durationText } from '../output/duration.ts'
import { renderTable, type Column, type TableRoom } from '../output/table.ts'
import { shownJson } from './plain-json.ts'

/** What workers can be asked, under Celery's names. */
export const inspections = [
  'ping',
  'active',
  'reserved',
  'scheduled',
  'revoked',
  'registered',
  'stats',
  'active_queues',
  'query_task',
  'conf',
  'report',
  'clock',
] as const
export type Inspection = (typeof inspections)[number]

type Replies = readonly (readonly [node: string, answer: unknown])[]

interface Row {
  readonly node: string
  readonly cells: Readonly<Record<string, string>>
}

/** Cells by the title of their column; one row per thing that a worker told of. */
type Rows = (answer: unknown, now: number) => readonly Row['cells'][]

const names = z.array(z.string())
const okSchema = z.object({ ok: z.unknown() })

const taskCells = (task: TaskInfo): Row['cells'] => ({
  task: task.name ?? task.type ?? '',
  id: task.id,
  args: shownJson(task.args),
  kwargs: shownJson(task.kwargs),
})

/** Workers say when a task began in Unix time, older ones in the time since they were started: then nothing is shown. */
const sinceText = (start: number | null | undefined, now: number): string =>
  typeof start !== 'number' || start < 1e9 ? '' : durationText(now - start * 1_000)

const tellers: Readonly<Record<Inspection, Rows>> = {
  ping: (answer) => [{ answer: shownJson(okSchema.parse(answer).ok) }],
  active: (answer, now) =>
    z
      .array(taskInfoSchema)
      .parse(answer)
      .map((task) => ({ ...taskCells(task), running: sinceText(task.time_start, now) })),
  reserved: (answer) => z.array(taskInfoSchema).parse(answer).map(taskCells),
  scheduled: (answer) =>
    z
      .array(scheduledTaskSchema)
      .parse(answer)
      .map(({ eta, request }) => ({ eta: shownJson(eta), ...taskCells(request) })),
  revoked: (answer) => names.parse(answer).map((id) => ({ id })),
  registered: (answer) => names.parse(answer).map((task) => ({ task })),
  stats: (answer) => {
    const { pid, uptime, pool, prefetch_count: prefetch, total } = workerStatsSchema.parse(answer)
    const done = Object.values(total ?? {}).reduce((sum, count) => sum + count, 0)
    return [
      {
        pid: shownJson(pid),
        up: typeof uptime === 'number' ? durationText(uptime * 1_000) : '',
        slots: shownJson(pool?.['max-concurrency']),
        prefetch: shownJson(prefetch),
        tasks: String(done),
      },
    ]
  },
  active_queues: (answer) =>
    z
      .array(queueInfoSchema)
      .parse(answer)
      .map(({ name, exchange, routing_key: key }) => ({
        queue: name,
        exchange: exchange?.name ?? '',
        type: exchange?.type ?? '',
        'routing key': key ?? '',
      })),
  query_task: (answer) =>
    Object.entries(queriedTasksSchema.parse(answer)).map(([, [state, task]]) => ({
      state,
      ...taskCells(task),
    })),
  conf: (answer) =>
    Object.entries(z.record(z.string(), z.unknown()).parse(answer)).map(([setting, value]) => ({
      setting,
      value: shownJson(value),
    })),
  report: (answer) =>
    shownJson(okSchema.parse(answer).ok)
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((report) => ({ report: report.trim() })),
  clock: (answer) => [{ clock: shownJson(z.object({ clock: z.number() }).parse(answer).clock) }],
}

/** Columns of which the end can be left out. */
const shrinking: ReadonlySet<string> = new Set([
  'worker',
  'task',
  'args',
  'kwargs',
  'value',
  'report',
  'answer',
])
const leastWidth = 10

export function inspectTable(what: Inspection, replies: Replies, now: number, io: TableRoom): string {
  const rows = replies.flatMap(([node, answer]) => rowsOf(what, node, answer, now))
  const titles = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))]
  const columns: readonly Column<Row>[] = [
    { title: 'worker', value: ({ node }) => node, shrinksTo: leastWidth },
    ...titles.map((title) => ({
      title,
      value: ({ cells }: Row) => cells[title] ?? '',
      ...(shrinking.has(title) ? { shrinksTo: leastWidth } : {}),
    })),
  ]
  const silent = replies.length - new Set(rows.map(({ node }) => node)).size
  const none = silent === 0 ? [] : [`${silent} ${silent === 1 ? 'worker has' : 'workers have'} none`]
  return [renderTable(columns, rows, io), ...none].filter((part) => part !== '').join('\n')
}

function rowsOf(what: Inspection, node: string, answer: unknown, now: number): readonly Row[] {
  try {
    return tellers[what](answer, now).map((cells) => ({ node, cells }))
  } catch {
    return [{ node, cells: { answer: shownJson(answer) } }]
  }
}
