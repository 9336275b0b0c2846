/** Figures of the task benchmark: medians, ratios, bars, and the table that shows them. Pure. */
import type { SubjectName } from './subjects.ts'

/** Median of the rounds of each subject. */
export type Figures = Readonly<Partial<Record<SubjectName, number>>>

/** One line of the table. */
export interface Measurement {
  readonly name: string
  readonly unit: 'tasks/s' | 'ms'
  readonly figures: Figures
  /** The figure of Celeriac divided by the subject's, round by round: the median. What else the machine does shakes it least. */
  readonly ratios: Figures
}

export interface Bar {
  readonly text: string
  /** Null where a subject was not measured. */
  readonly ratio: number | null
  readonly isHeld: boolean | null
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The bars of the design, section 9. */
const bars: readonly {
  readonly text: string
  readonly measurement: string
  readonly peer: SubjectName
  readonly holds: (ratio: number) => boolean
}[] = [
  {
    text: 'worker alone >= 5 x Celery prefork -c 2',
    measurement: 'drain',
    peer: 'celery_prefork',
    holds: (ratio) => ratio >= 5,
  },
  {
    text: 'publish + consume >= 5 x Celery prefork -c 2',
    measurement: 'flow',
    peer: 'celery_prefork',
    holds: (ratio) => ratio >= 5,
  },
  {
    text: 'publish + consume >= 0.5 x raw amqplib',
    measurement: 'flow',
    peer: 'raw',
    holds: (ratio) => ratio >= 0.5,
  },
  {
    text: 'round trip p50 over rpc:// < Celery solo',
    measurement: 'rpc_p50',
    peer: 'celery_solo',
    holds: (ratio) => ratio < 1,
  },
  {
    text: 'round trip p50 over rpc:// < Celery prefork -c 2',
    measurement: 'rpc_p50',
    peer: 'celery_prefork',
    holds: (ratio) => ratio < 1,
  },
  {
    text: 'round trip p50 over rpc:// <= 3 x raw AMQP RPC',
    measurement: 'rpc_p50',
    peer: 'raw',
    holds: (ratio) => ratio <= 3,
  },
  {
    text: 'round trip p50 over redis:// < Celery solo',
    measurement: 'redis_p50',
    peer: 'celery_solo',
    holds: (ratio) => ratio < 1,
  },
]

export const judge = (measurements: readonly Measurement[]): readonly Bar[] =>
  bars.map(({ text, measurement, peer, holds }) => {
    const ratio = measurements.find(({ name }) => name === measurement)?.ratios[peer]
    return ratio === undefined ? { text, ratio: null, isHeld: null } : { text, ratio, isHeld: holds(ratio) }
  })

const columns: readonly (readonly [SubjectName, string])[] = [
  ['celeriac', 'Celeriac'],
  ['celery_prefork', 'Celery prefork -c 2'],
  ['celery_solo', 'Celery solo'],
  ['raw', 'raw amqplib'],
]

const rowTitles: Readonly<Record<string, string>> = {
  drain: 'worker alone, tasks/s',
  flow: 'publish + consume, tasks/s',
  rpc_p50: 'round trip rpc:// p50, ms',
  rpc_p99: 'round trip rpc:// p99, ms',
  redis_p50: 'round trip redis:// p50, ms',
  redis_p99: 'round trip redis:// p99, ms',
}

/** A Markdown table, aligned for terminals; in brackets the ratio of Celeriac to it. */
export function tableOf(measurements: readonly Measurement[], judged: readonly Bar[]): string {
  const rows = [
    ['', ...columns.map(([, title]) => title)],
    ...measurements.map(({ name, unit, figures, ratios }) => [
      rowTitles[name] ?? name,
      ...columns.map(([subject]) => cellOf(figures[subject], ratios[subject], unit)),
    ]),
  ]
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => (row[index + 1] ?? '').length)))
  widths.unshift(Math.max(...rows.map(([first = '']) => first.length)))
  const lines = rows.map(
    (row) => `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`,
  )
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  return [...lines, '', ...judged.map(lineOf)].join('\n')
}

const cellOf = (value: number | undefined, ratio: number | undefined, unit: Measurement['unit']): string => {
  if (value === undefined) return '–'
  const text = unit === 'ms' ? value.toFixed(2) : String(Math.round(value))
  return ratio === undefined ? text : `${text} (${ratio.toFixed(2)})`
}

const lineOf = ({ text, ratio, isHeld }: Bar): string =>
  ratio === null ? `not measured  ${text}` : `${isHeld ? 'held' : 'MISSED'}  ${text}: ${ratio.toFixed(2)}`
