import { faultKindNames, type Fault, type FaultKind } from './faults.ts'
import type { Proof } from './proof.ts'

export interface ChaosReport extends Proof {
  readonly seed: number
  readonly runs: number
  readonly seconds: number
  readonly faults: readonly Fault[]
  /** Operator tasks whose last attempt outlived its delivery: its worker held it by a lease alone. */
  readonly handedOver: number
  /** Refused submissions by status; `none` = no answer. */
  readonly refusals: Readonly<Record<string, number>>
  readonly refusedWithoutRetryAfter: number
  /** By fault: the longest time during it, or shortly after, in which no operator task began anywhere. */
  readonly pausesMs: readonly number[]
}

const costColumns = ['handedOn', 'attempts', 'executions'] as const

/** Faults × outcomes, as Markdown. What follows a fault is charged to the last one that began before it. */
export function tableOf(report: ChaosReport): string {
  const kinds = faultKindNames.filter((kind) => report.faults.some((fault) => fault.kind === kind))
  const rows = kinds.map((kind) => [
    kind.replaceAll('_', ' '),
    String(report.faults.filter((fault) => fault.kind === kind).length),
    pauseOf(report, kind),
    ...costColumns.map((column) => String(report.costs[kind]?.[column] ?? 0)),
  ])
  return [
    '| fault | times | longest pause of all work, median (most) | handed on | new attempts | executions more |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')
}

function pauseOf({ faults, pausesMs }: ChaosReport, kind: FaultKind): string {
  const pauses = faults
    .flatMap((fault, index) => (fault.kind === kind ? [pausesMs[index] ?? 0] : []))
    .toSorted((a, b) => a - b)
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(1)
  return `${seconds(pauses[Math.floor(pauses.length / 2)])} s (${seconds(pauses.at(-1))} s)`
}

export function summaryOf(report: ChaosReport): string {
  const refusals = Object.entries(report.refusals).map(([why, count]) => `${count} × ${why}`)
  const extra = report.executions - report.effects
  return [
    `seed ${report.seed}: ${report.runs} runs, ${report.effects} operator tasks, ${report.faults.length} faults, ${report.seconds} s`,
    `${report.executions} executions for ${report.effects} effects (${extra} more); ${report.handedOver} held by leases`,
    `submissions refused and repeated: ${refusals.join(', ') || 'none'}`,
    `promises broken: ${report.violations.length}`,
    ...report.violations.slice(0, 50).map((violation) => `VIOLATION ${violation}`),
  ].join('\n')
}
