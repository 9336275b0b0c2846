/** Figures of the predict benchmark, its bars, and the table that shows them. Pure. */
import { median } from '../tasks/report.ts'

export const subjectNames = [
  'celeriac_amqp',
  'celeriac_embedded',
  'fastapi',
  'celery',
  'raw',
  'http',
] as const
export type SubjectName = (typeof subjectNames)[number]

/** What one turn of a subject gave. */
export interface Turn {
  /** Median milliseconds of the first calls ever, one after the other: much of the code was not compiled yet. */
  readonly cold: number
  /** Milliseconds, one call after the other. */
  readonly p50: number
  readonly p99: number
  /** Answers a second of many connections, and the milliseconds of those calls. */
  readonly perSecond: number
  readonly loadedP50: number
  readonly loadedP99: number
  readonly failed: number
  /** Microseconds of processor time per answer of many connections, by process. RabbitMQ's is of all that it does. */
  readonly cpuUs?: Readonly<Record<string, number>>
}

export interface Row {
  readonly subject: SubjectName
  readonly model: string
  readonly turns: readonly Turn[]
}

export const figureNames = ['cold', 'p50', 'p99', 'perSecond', 'loadedP50', 'loadedP99', 'failed'] as const
export type FigureName = (typeof figureNames)[number]

export const figureOf = ({ turns }: Row, name: FigureName): number =>
  name === 'failed'
    ? turns.reduce((sum, turn) => sum + turn.failed, 0)
    : median(turns.map((turn) => turn[name]))

/** Microseconds of processor time per answer, by process: medians. */
export function cpuOf({ turns }: Row): Readonly<Record<string, number>> {
  const names = Object.keys(turns[0]?.cpuUs ?? {})
  return Object.fromEntries(
    names.map((name) => [name, Math.round(median(turns.map((turn) => turn.cpuUs?.[name] ?? NaN)))]),
  )
}

/** Celeriac over RabbitMQ divided by the subject, turn by turn: the median. What else the machine does shakes it least. */
export function ratioOf(rows: readonly Row[], row: Row, name: FigureName): number {
  const ours = rows.find(
    ({ subject, model }) => subject === 'celeriac_amqp' && (model === row.model || row.model === ''),
  )
  return median(row.turns.map((turn, index) => (ours?.turns[index]?.[name] ?? NaN) / turn[name]))
}

/** Nothing where ours was not measured, or is the row itself. */
function ratioText(rows: readonly Row[], row: Row): string {
  const ratio = row.subject === 'celeriac_amqp' ? NaN : ratioOf(rows, row, 'perSecond')
  return Number.isNaN(ratio) ? '' : ratio.toFixed(2)
}

interface Bar {
  readonly text: string
  readonly value: (rows: readonly Row[]) => number
  readonly holds: (value: number) => boolean
}

const ours = (rows: readonly Row[], model: string, name: FigureName): number => {
  const row = rows.find((each) => each.subject === 'celeriac_amqp' && each.model === model)
  return row === undefined ? NaN : figureOf(row, name)
}

/** Design, section 9. */
const bars: readonly Bar[] = ['lr', 'gbdt'].flatMap((model): Bar[] => [
  {
    text: `${model} over RabbitMQ, warm p50 < 1.5 ms`,
    value: (rows) => ours(rows, model, 'p50'),
    holds: (value) => value < 1.5,
  },
  {
    text: `${model} over RabbitMQ, >= 4,000 req/s`,
    value: (rows) => ours(rows, model, 'perSecond'),
    holds: (value) => value >= 4_000,
  },
])

const titles: Readonly<Record<SubjectName, string>> = {
  celeriac_amqp: 'Celeriac, RabbitMQ (HTTP)',
  celeriac_embedded: 'Celeriac, embedded (HTTP)',
  fastapi: 'FastAPI + scikit-learn, 2 processes (HTTP)',
  celery: 'Celery delay().get(), prefork -c 2 (no HTTP)',
  raw: 'raw AMQP RPC, no model (no HTTP)',
  http: 'bare node:http echo, no model (HTTP)',
}

/** A Markdown table, aligned for terminals. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [
    [
      '',
      'model',
      'cold p50 ms',
      'p50 ms',
      'p99 ms',
      'answers/s',
      'ours ÷ it',
      'p50 loaded',
      'p99 loaded',
      'failed',
      'CPU µs',
    ],
    ...rows.map((row) => [
      titles[row.subject],
      row.model === '' ? '–' : row.model,
      figureOf(row, 'cold').toFixed(2),
      figureOf(row, 'p50').toFixed(2),
      figureOf(row, 'p99').toFixed(2),
      String(Math.round(figureOf(row, 'perSecond'))),
      ratioText(rows, row),
      figureOf(row, 'loadedP50').toFixed(1),
      figureOf(row, 'loadedP99').toFixed(1),
      String(figureOf(row, 'failed')),
      Object.entries(cpuOf(row))
        .map(([name, us]) => `${name} ${us}`)
        .join(', '),
    ]),
  ]
  const widths = (cells[0] ?? []).map((_, index) =>
    Math.max(...cells.map((line) => (line[index] ?? '').length)),
  )
  const lines = cells.map(
    (line) => `| ${line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`,
  )
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  const judged = bars.map(({ text, value, holds }) => {
    const found = value(rows)
    if (Number.isNaN(found)) return `not measured  ${text}`
    return `${holds(found) ? 'held' : 'MISSED'}  ${text}: ${found.toFixed(2)}`
  })
  return [...lines, '', ...judged].join('\n')
}
