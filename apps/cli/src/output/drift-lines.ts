import type { ModelDriftView } from '@celeriac/contracts'
import type { TableRoom } from './table.ts'
import { renderTable } from './table.ts'

type Bin = ModelDriftView['bins'][number]

const barWidth = 40
const reasons = {
  no_reference: 'the version was deployed without a histogram of its scores; deploy it again',
  too_few_scores: 'too few scores',
  not_watched: 'more than 100 versions are served; this one is not watched',
} as const

/** The verdict in words, and the two histograms as a picture. */
export function driftLines(drift: ModelDriftView, io: TableRoom): readonly string[] {
  const { name, version, psi, verdict, reason, scores, score } = drift
  const facts: readonly (readonly [string, string])[] = [
    ['model', `${name}, version ${version}`],
    ['verdict', psi === null ? `unknown: ${reasons[reason ?? 'too_few_scores']}` : verdict],
    ['PSI', psi === null ? '' : `${psi.toFixed(4)} (stable below 0.1, shifted from 0.25)`],
    ['scores', `${scores} in the last ${drift.window_seconds / 3_600} h${neededOf(drift)}`],
    ['of', score ?? ''],
    ['expected', drift.expected_rows === null ? '' : `${drift.expected_rows} training rows`],
  ]
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([title, value]) => `${title.padEnd(10)}  ${value}`)
  if (drift.bins.length === 0) return lines
  return [...lines, '', histogramTable(drift.bins, io), '', '█ as expected  ▓ more  ░ less']
}

const neededOf = ({ psi, least_scores: least }: ModelDriftView): string =>
  psi === null && least > 0 ? `; ${least} are needed` : ''

function histogramTable(bins: readonly Bin[], io: TableRoom): string {
  const most = Math.max(...bins.map(({ expected, served }) => Math.max(expected, served ?? 0)))
  return renderTable<Bin>(
    [
      { title: 'from', align: 'right', value: ({ from }) => numberText(from) },
      { title: 'to', align: 'right', value: ({ to }) => numberText(to) },
      { title: 'expected', align: 'right', value: ({ expected }) => percentText(expected) },
      {
        title: 'served',
        align: 'right',
        value: ({ served }) => (served === null ? '–' : percentText(served)),
      },
      { title: '', value: (bin) => barOf(bin, most), shrinksTo: 10 },
    ],
    bins,
    io,
  )
}

/** What both have in common, then what one of them has more. */
function barOf({ expected, served }: Bin, most: number): string {
  const cells = (share: number) => Math.round((share / most) * barWidth)
  const [wanted, given] = [cells(expected), cells(served ?? 0)]
  const common = Math.min(wanted, given)
  return '█'.repeat(common) + '▓'.repeat(given - common) + '░'.repeat(wanted - common)
}

const numberText = (value: number): string => String(Number(value.toPrecision(4)))
const percentText = (share: number): string => `${(share * 100).toFixed(1)} %`
