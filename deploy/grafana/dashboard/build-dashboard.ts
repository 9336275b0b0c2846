import { dashboard } from './grafana.ts'
import { buildPanel, source, type Row } from './panels.ts'

/** A dashboard as it is described in the files of rows beside this one. */
export interface DashboardSpec {
  /** Name of its file in `deploy/grafana/dashboards`, and what its address ends with. */
  readonly uid: string
  readonly title: string
  readonly description: string
  /** Choices at its top, beside the data source. */
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly description: string
  /** `label_values(…)`. */
  readonly query: string
  /** Whether several may be chosen, and all are at first. */
  readonly isMulti: boolean
}

const columns = 24

/** The dashboard as Grafana reads it from `deploy/grafana/dashboards/<uid>.json`. */
export function buildDashboard(spec: DashboardSpec): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(['celeriac'])
    .link(
      new dashboard.DashboardLinkBuilder('Celeriac')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['celeriac'])
        .keepTime(true),
    )
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .editable()
    .withVariable(
      new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
  for (const variable of spec.variables) builder.withVariable(variableOf(variable))
  for (const { title, panels } of spec.rows) {
    builder.withRow(new dashboard.RowBuilder(title))
    const perLine = panels[0]?.shape === 'number' ? panels.length : 3
    for (const panel of panels) builder.withPanel(buildPanel(panel, columns / perLine))
  }
  return builder.build()
}

function variableOf({ name, label, description, query, isMulti }: Variable) {
  const builder = new dashboard.QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(source)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
  if (!isMulti) return builder
  return builder.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all' })
}
