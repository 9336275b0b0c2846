/** The live screen of `celeriac events`, as a pure function: what events have told goes in, lines come out that fit. */
import { hasEnded, isAlive, type SeenTask, type SeenWorker } from '@celeriac/tasks'
import type { Io, Style } from '../io.ts'
import { durationText } from '../output/duration.ts'
import { renderTable } from '../output/table.ts'
import { fit } from '../output/text-width.ts'

type Screen = Pick<Io, 'columns' | 'rows' | 'paint'>

export interface SeenCluster {
  readonly workers: readonly SeenWorker[]
  /** Those heard of last come last. */
  readonly tasks: readonly SeenTask[]
  readonly eventCount: number
}

const styles: Readonly<Record<SeenTask['state'], { readonly sign: string; readonly style: Style }>> = {
  PENDING: { sign: '·', style: 'dim' },
  RECEIVED: { sign: '·', style: 'dim' },
  STARTED: { sign: '▸', style: 'blue' },
  SUCCESS: { sign: '✓', style: 'green' },
  FAILURE: { sign: '✗', style: 'red' },
  RETRY: { sign: '↻', style: 'yellow' },
  REJECTED: { sign: '✗', style: 'yellow' },
  REVOKED: { sign: '○', style: 'yellow' },
}

/** Headline, an empty line, titles of the tasks, summary, and one line for the cursor. */
const linesAround = 5
/** Workers take at most this share of what is left; with their titles. */
const workerShare = 0.4
/** Narrower terminals do without the ids of tasks. */
const leastColumnsForIds = 110

/** At most `io.rows` − 1 lines of at most `io.columns` cells. @param now Unix time in milliseconds */
export function eventScreen(cluster: SeenCluster, now: number, io: Screen): string[] {
  const room = Math.max(2, io.rows - linesAround)
  const shownWorkers = chooseWorkers(cluster.workers, Math.max(1, Math.floor(room * workerShare) - 1), now)
  const workers = workerLines(shownWorkers, now, io)
  const shownTasks = chooseTasks(cluster.tasks, Math.max(1, room - workers.length))
  return [
    fit(headline(cluster, now), io.columns),
    ...workers,
    '',
    ...taskLines(shownTasks, now, io),
    io.paint('dim', fit(summary(cluster.tasks, shownTasks.length), io.columns)),
  ].slice(0, Math.max(1, io.rows - 1))
}

function headline({ workers, eventCount }: SeenCluster, now: number): string {
  const alive = workers.filter((worker) => isAlive(worker, now / 1_000)).length
  const lost = workers.filter((worker) => !worker.isGone).length - alive
  const parts = [
    `${alive} ${alive === 1 ? 'worker' : 'workers'}`,
    ...(lost === 0 ? [] : [`${lost} without a sign of life`]),
    `${eventCount} ${eventCount === 1 ? 'event' : 'events'}`,
  ]
  return `celeriac events  ${parts.join(', ')}`
}

/** Where there is no room for all, those that live, and of them the busiest. */
function chooseWorkers(workers: readonly SeenWorker[], room: number, now: number): readonly SeenWorker[] {
  if (workers.length <= room) return workers
  const worth = (worker: SeenWorker): number =>
    (isAlive(worker, now / 1_000) ? 1e6 : 0) + (worker.active ?? 0)
  const chosen = new Set(workers.toSorted((a, b) => worth(b) - worth(a)).slice(0, room))
  return workers.filter((worker) => chosen.has(worker))
}

/** What runs comes first, then what was heard of last. */
function chooseTasks(tasks: readonly SeenTask[], room: number): readonly SeenTask[] {
  const latest = tasks.toReversed()
  return [...latest.filter((task) => !hasEnded(task)), ...latest.filter(hasEnded)].slice(0, room)
}

function workerLines(workers: readonly SeenWorker[], now: number, io: Screen): readonly string[] {
  const lifeOf = (worker: SeenWorker): string =>
    worker.isGone ? 'gone' : isAlive(worker, now / 1_000) ? 'alive' : 'lost'
  const table = renderTable<SeenWorker>(
    [
      { title: 'worker', value: ({ name }) => name, shrinksTo: 12 },
      {
        title: 'life',
        value: lifeOf,
        paint: (text, worker) => io.paint(lifeOf(worker) === 'alive' ? 'green' : 'red', text),
      },
      { title: 'running', align: 'right', value: ({ active }) => String(active ?? '') },
      { title: 'done', align: 'right', value: ({ processed }) => String(processed ?? '') },
      { title: 'load', align: 'right', value: ({ loadAverage }) => (loadAverage?.[0] ?? '').toString() },
      { title: 'software', value: ({ software }) => software ?? '', shrinksTo: 8 },
    ],
    workers,
    io,
  )
  return table === ''
    ? [io.paint('dim', fit('no worker has been heard of yet', io.columns))]
    : table.split('\n')
}

function taskLines(tasks: readonly SeenTask[], now: number, io: Screen): readonly string[] {
  const hasIds = io.columns >= leastColumnsForIds
  const table = renderTable<SeenTask>(
    [
      {
        title: 'state',
        value: ({ state }) => `${styles[state].sign} ${state}`,
        paint: (text, { state }) => io.paint(styles[state].style, text),
      },
      { title: 'task', value: ({ name, id }) => name ?? id, shrinksTo: 12 },
      ...(hasIds ? [{ title: 'id', value: ({ id }: SeenTask) => id }] : []),
      { title: 'worker', value: ({ worker }) => worker ?? '', shrinksTo: 8 },
      { title: 'took', align: 'right', value: (task) => tookText(task, now) },
      { title: 'arguments', value: callText, shrinksTo: 8 },
      { title: 'outcome', value: ({ outcome }) => outcome ?? '', shrinksTo: 8 },
    ],
    tasks,
    io,
  )
  return table === ''
    ? [
        io.paint(
          'dim',
          fit('no task has been heard of: workers tell of tasks when task events are enabled', io.columns),
        ),
      ]
    : table.split('\n')
}

function tookText({ state, runtime, startedAt, at }: SeenTask, now: number): string {
  if (runtime !== null) return durationText(runtime * 1_000)
  if (startedAt === null) return ''
  return durationText(state === 'STARTED' ? now - startedAt * 1_000 : (at - startedAt) * 1_000)
}

const callText = ({ args, kwargs }: SeenTask): string =>
  [args, kwargs].filter((text) => text !== null && text !== '()' && text !== '{}').join(' ')

function summary(tasks: readonly SeenTask[], shown: number): string {
  const states = Object.keys(styles)
    .map((name) => ({ name, count: tasks.filter(({ state }) => state === name).length }))
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${count} ${name}`)
    .join(', ')
  const hidden = tasks.length > shown ? ` (${tasks.length - shown} not shown)` : ''
  return tasks.length === 0 ? 'Ctrl-C ends' : `${tasks.length} tasks${hidden}: ${states}; Ctrl-C ends`
}

/** One event as a line, for what is no terminal. */
export function eventLine(event: Readonly<Record<string, unknown>>, io: Pick<Io, 'paint'>): string {
  const { type, hostname, timestamp, uuid, name } = event
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const at = typeof timestamp === 'number' ? new Date(timestamp * 1_000).toISOString() : ''
  const outcome = text(event['result'] ?? event['exception'])
  return [io.paint('dim', at), text(type), text(hostname), text(uuid), text(name), outcome]
    .filter((part) => part !== '')
    .join('  ')
    .replaceAll(/\p{Cc}+/gu, ' ')
}
