import type { SeenTask, SeenWorker } from '@celeriac/tasks'
import { expect, test } from 'vitest'
import { widthOf } from '../src/output/text-width.ts'
import { inspectTable, type Inspection } from '../src/tasks/inspect-table.ts'
import { EventLines } from '../src/watch/event-outlet.ts'
import { eventLine, eventScreen } from '../src/watch/event-screen.ts'
import { recordedIo } from './cli-harness.ts'

const now = 1_700_000_100_000
const task = {
  id: 'a1',
  name: 'tasks.add',
  args: [1, 2],
  kwargs: {},
  hostname: 'celery@one',
  time_start: 1_700_000_000,
  worker_pid: 7,
}
const table = (what: Inspection, answer: unknown): string =>
  inspectTable(what, [['celery@one', answer]], now, recordedIo({ columns: 120 }))

const tables: readonly (readonly [Inspection, unknown, readonly string[]])[] = [
  ['ping', { ok: 'pong' }, ['celery@one  pong']],
  ['active', [task], ['tasks.add', 'a1', '[1,2]', '1 min 40 s']],
  ['active', [{ ...task, time_start: 12.5 }], ['tasks.add  a1']],
  ['reserved', [{ ...task, time_start: null }], ['tasks.add', 'a1']],
  ['scheduled', [{ eta: '2026-11-21T00:00:00+00:00', request: task }], ['2026-11-21T00:00:00+00:00', 'a1']],
  ['revoked', ['x', 'y'], ['celery@one  x', 'celery@one  y']],
  ['registered', ['tasks.add [rate_limit=1/s]'], ['tasks.add [rate_limit=1/s]']],
  [
    'stats',
    { pid: 7, uptime: 3_700, pool: { 'max-concurrency': 4 }, prefetch_count: 16, total: { a: 2, b: 3 } },
    ['7', '1 h 01 min', '4', '16', '5'],
  ],
  [
    'active_queues',
    [{ name: 'celery', exchange: { name: '', type: 'direct' }, routing_key: 'key' }],
    ['celery', 'direct', 'key'],
  ],
  ['query_task', { a1: ['active', task] }, ['active', 'tasks.add', 'a1']],
  ['conf', { timezone: null, broker_pool_limit: 10 }, ['timezone', 'broker_pool_limit  10']],
  [
    'report',
    { ok: '\nsoftware -> celery\nplatform -> Linux\n' },
    ['software -> celery', 'platform -> Linux'],
  ],
  ['clock', { clock: 42 }, ['42']],
]

test.each(tables)('inspect %s is a table: %j', (what, answer, texts) => {
  const lines = table(what, answer)
  for (const text of texts) expect(lines).toContain(text)
})

test('an answer that is not understood is shown as it is', () => {
  expect(table('active', { error: "KeyError('x')" })).toContain(`celery@one  {"error":"KeyError('x')"}`)
})

test('workers that have nothing to tell are counted', () => {
  const io = recordedIo()
  expect(inspectTable('active', [['celery@one', []]], now, io)).toBe('1 worker has none')
  const replies = [
    ['celery@one', [task]],
    ['celery@two', []],
    ['celery@three', []],
  ] as const
  expect(inspectTable('active', replies, now, io)).toMatch(/celery@one .*\n2 workers have none$/)
})

const aWorker = (fields: Partial<SeenWorker> = {}): SeenWorker => ({
  name: 'celery@one',
  seenAt: now / 1_000,
  freq: 2,
  isGone: false,
  active: 1,
  processed: 20,
  loadAverage: [0.5, 0.4, 0.3],
  software: 'py-celery 5.6.3',
  ...fields,
})
const aTask = (fields: Partial<SeenTask> = {}): SeenTask => ({
  id: '0e1d39f4-9d3c-4f2a-8a4f-0b9a1d6c2e11',
  state: 'STARTED',
  name: 'tasks.add',
  worker: 'celery@one',
  args: '(1, 2)',
  kwargs: '{}',
  retries: 0,
  startedAt: now / 1_000 - 3,
  outcome: null,
  runtime: null,
  at: now / 1_000 - 3,
  clock: 5,
  ...fields,
})
const screen = (
  workers: readonly SeenWorker[],
  tasks: readonly SeenTask[],
  size = { columns: 100, rows: 24 },
) => eventScreen({ workers, tasks, eventCount: 12 }, now, recordedIo(size))

test('the screen shows workers and tasks', () => {
  const lines = screen(
    [
      aWorker(),
      aWorker({ name: 'celery@lost', seenAt: now / 1_000 - 60 }),
      aWorker({ name: 'celery@gone', isGone: true }),
    ],
    [
      aTask(),
      aTask({ state: 'SUCCESS', runtime: 0.25, outcome: '3' }),
      aTask({ state: 'FAILURE', outcome: "ValueError('x')", at: now / 1_000 - 1 }),
    ],
  )
  expect(lines[0]).toBe('celeriac events  1 worker, 1 without a sign of life, 12 events')
  const text = lines.join('\n')
  expect(text).toMatch(/celery@one +alive +1 +20 +0.5 +py-celery 5.6.3/)
  expect(text).toMatch(/celery@lost +lost/)
  expect(text).toMatch(/celery@gone +gone/)
  expect(text).toMatch(/▸ STARTED +tasks.add +celery@one +3.00 s +\(1, 2\)/)
  expect(text).toMatch(/✓ SUCCESS .* 0.25 s +\(1, 2\) +3/)
  expect(text).toMatch(/✗ FAILURE .* 2.00 s +\(1, 2\) +ValueError\('x'\)/)
  expect(lines.at(-1)).toBe('3 tasks: 1 STARTED, 1 SUCCESS, 1 FAILURE; Ctrl-C ends')
})

test('before anything is heard the screen says what to expect', () => {
  const lines = screen([], [])
  expect(lines).toContain('no worker has been heard of yet')
  expect(lines.join('\n')).toContain('when task events are enabled')
})

test.each([
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
  { columns: 40, rows: 10 },
  { columns: 20, rows: 5 },
])('the screen fits a terminal of %j, and what runs goes before what has ended', (size) => {
  const workers = Array.from({ length: 30 }, (_, index) => aWorker({ name: `celery@host-${index}` }))
  const tasks = [
    aTask({ name: 'tasks.running' }),
    ...Array.from({ length: 100 }, (_, index) =>
      aTask({ state: 'SUCCESS', name: `tasks.done-${index}`, outcome: 'x'.repeat(300) }),
    ),
  ]
  const lines = screen(workers, tasks, size)
  expect(lines.length).toBeLessThan(size.rows)
  // A table that cannot shrink further is cut by the terminal; what this program puts there itself is not longer.
  if (size.columns >= 80) for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(size.columns)
  if (size.rows >= 10) expect(lines.join('\n')).toMatch(/STARTED +tasks.ru/)
})

test('elsewhere an event is a line without control characters', () => {
  const event = {
    type: 'task-failed',
    hostname: 'celery@one',
    timestamp: 1_700_000_000.5,
    uuid: 'a1',
    exception: "ValueError('\u001b[31m')\nmore",
  }
  expect(eventLine(event, recordedIo())).toBe(
    "2023-11-14T22:13:20.500Z  task-failed  celery@one  a1  ValueError(' [31m') more",
  )
})

test('events wait for a slow reader, up to a number, and it is told how many it missed', async () => {
  const io = recordedIo()
  let release = (): void => undefined
  const slow = { ...io, drained: () => new Promise<void>((resolve) => (release = resolve)) }
  const lines = new EventLines(slow, { isJson: true })
  for (let clock = 0; clock < 10_005; clock++)
    lines.show({ type: 'deploy-done', hostname: 'a', timestamp: 1, clock })
  expect(io.outLines).toHaveLength(1)
  slow.drained = () => Promise.resolve()
  release()
  await lines.end()
  expect(io.outLines).toHaveLength(10_001)
  expect(JSON.parse(io.outLines[1]!)).toEqual({ type: 'deploy-done', hostname: 'a', timestamp: 1, clock: 1 })
  expect(io.errLines).toEqual(['4 events were left out: their reader is slower than they come'])
})
