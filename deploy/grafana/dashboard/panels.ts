import { bargauge, common, dashboard, prometheus, stat, timeseries } from './grafana.ts'

/** One query of a panel; `legend` may use labels: `{{state}}`. */
export interface Query {
  readonly expr: string
  readonly legend: string
}

export interface Panel {
  readonly title: string
  /** What it tells, and how to read it. */
  readonly description: string
  /** A unit of Grafana's: `s`, `short`, `percentunit`, `ops`, `bytes` … */
  readonly unit: string
  readonly queries: readonly Query[]
  /** `number`: the newest value, large; `bars`: one for each series; else curves, on top of each other where `stacked`. */
  readonly shape?: 'number' | 'stacked' | 'curves' | 'bars'
  /** Curves only: values may be negative, so that the axis need not begin at 0. */
  readonly isSigned?: boolean
  /** `number` only: from this value on it is orange, from the second on red. Descending: low values are bad. */
  readonly thresholds?: readonly [warning: number, critical: number]
}

export interface Row {
  readonly title: string
  /** Numbers stand in one line, curves three to a line. */
  readonly panels: readonly Panel[]
}

/** The data source that is chosen at the top of the dashboard. */
export const source = { type: 'prometheus', uid: '${datasource}' }

/** The panel of Grafana; `width` in columns of 24. */
export function buildPanel(panel: Panel, width: number) {
  const isNumber = panel.shape === 'number'
  const isOfNow = isNumber || panel.shape === 'bars'
  const builder = isNumber ? numberPanel(panel) : isOfNow ? barsPanel() : curvesPanel(panel)
  builder
    .title(panel.title)
    .description(panel.description)
    .unit(panel.unit)
    .datasource(source)
    .span(width)
    .height(isNumber ? 4 : 8)
  panel.queries.forEach(({ expr, legend }, index) => {
    const query = new prometheus.DataqueryBuilder()
      .expr(expr)
      .legendFormat(legend)
      .refId(String.fromCodePoint(65 + index))
      .datasource(source)
    builder.withTarget(isOfNow ? query.instant() : query.range())
  })
  return builder
}

function numberPanel({ thresholds }: Panel) {
  const builder = new stat.PanelBuilder()
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(thresholds === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Background)
    .noValue('–')
  if (thresholds === undefined) return builder
  const [warning, critical] = thresholds
  const [low, high] = warning <= critical ? (['green', 'red'] as const) : (['red', 'green'] as const)
  return builder.thresholds(
    new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps([
      { value: null, color: low },
      { value: Math.min(warning, critical), color: 'orange' },
      { value: Math.max(warning, critical), color: high },
    ]),
  )
}

function barsPanel() {
  return new bargauge.PanelBuilder()
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .orientation(common.VizOrientation.Vertical)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .min(0)
    .noValue('–')
}

function curvesPanel({ shape, unit, isSigned = false }: Panel) {
  const builder = new timeseries.PanelBuilder()
    .fillOpacity(shape === 'stacked' ? 40 : 10)
    .lineWidth(1)
    .showPoints(common.VisibilityMode.Never)
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
  if (!isSigned) builder.min(0)
  if (unit === 'percentunit') builder.axisSoftMax(1)
  if (shape === 'stacked')
    builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'))
  return builder
}
