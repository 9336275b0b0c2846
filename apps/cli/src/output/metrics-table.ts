import type { OperatorTaskView, RunView } from '@celeriac/contracts'
import { renderTable, type TableRoom } from './table.ts'
import { fit, widthOf } from './text-width.ts'

/** What people look at first, in this order; other metrics follow by name. */
const metricOrder = ['auc', 'ks', 'ap', 'accuracy', 'precision', 'recall', 'f1', 'log_loss', 'brier']
/** Columns of metrics that fit a terminal of 80 cells beside the operator. */
const mostMetrics = 9

const rank = (metric: string): number => {
  const index = metricOrder.indexOf(metric)
  return index < 0 ? metricOrder.length : index
}

/** Counts stay whole; everything else in a column has the same number of decimals. */
const numberText = (value: number | undefined, isCount: boolean): string => {
  if (value === undefined) return ''
  if (isCount) return String(value)
  const magnitude = Math.abs(value)
  return magnitude !== 0 && (magnitude >= 1e6 || magnitude < 1e-4) ? value.toExponential(3) : value.toFixed(4)
}

/** Operators with evaluation metrics beside each other, e.g. two models on the same test rows. '' when there is none. */
export function metricsTable(run: RunView, io: TableRoom): string {
  const measured = run.operators.filter((operator) => Object.keys(operator.metrics).length > 0)
  const evaluated = measured.filter((operator) => metricOrder.some((name) => name in operator.metrics))
  const operators = evaluated.length > 0 ? evaluated : measured
  const metrics = [...new Set(operators.flatMap((operator) => Object.keys(operator.metrics)))]
    .filter((name) => evaluated.length === 0 || rank(name) < metricOrder.length)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .slice(0, mostMetrics)
    .map((name): Metric => ({ name, isCount: isCount(name, operators) }))
  return widthByOperator(operators, metrics) <= io.columns
    ? byOperator(operators, metrics, io)
    : byMetric(operators, metrics, io)
}

interface Metric {
  readonly name: string
  readonly isCount: boolean
}

const isCount = (name: string, operators: readonly OperatorTaskView[]): boolean =>
  rank(name) === metricOrder.length &&
  operators.every((operator) => Number.isInteger(operator.metrics[name] ?? 0))

const valueOf = (operator: OperatorTaskView, metric: Metric): string =>
  numberText(operator.metrics[metric.name], metric.isCount)

const cellWidth = '0.0000'.length
const gap = 2

const widthByOperator = (operators: readonly OperatorTaskView[], metrics: readonly Metric[]): number =>
  Math.max('operator'.length, ...operators.map((operator) => widthOf(operator.id))) +
  metrics.reduce((sum, { name }) => sum + gap + Math.max(cellWidth, name.length), 0)

const byOperator = (
  operators: readonly OperatorTaskView[],
  metrics: readonly Metric[],
  io: TableRoom,
): string =>
  renderTable<OperatorTaskView>(
    [
      { title: 'operator', value: (operator) => operator.id, shrinksTo: 12 },
      ...metrics.map((metric) => ({
        title: metric.name,
        align: 'right' as const,
        value: (operator: OperatorTaskView) => valueOf(operator, metric),
      })),
    ],
    operators,
    io,
  )

/** The same table on its side, for narrow terminals; of many operators the first ones. */
function byMetric(operators: readonly OperatorTaskView[], metrics: readonly Metric[], io: TableRoom): string {
  const most = Math.max(1, Math.floor((io.columns - 12) / 14))
  return renderTable<Metric>(
    [
      { title: 'metric', value: (metric) => metric.name },
      ...operators.slice(0, most).map((operator) => ({
        title: fit(
          operator.id,
          Math.max(12, Math.floor((io.columns - 12) / Math.min(most, operators.length)) - gap),
        ),
        align: 'right' as const,
        value: (metric: Metric) => valueOf(operator, metric),
      })),
    ],
    metrics,
    io,
  )
}
