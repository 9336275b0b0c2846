import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { dashboards } from '../../deploy/grafana/dashboard/dashboards.ts'
import { root } from '../support/processes.ts'

const panelSchema = z.object({
  type: z.string(),
  title: z.string().min(1),
  description: z.string(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() })),
})

export type DashboardPanel = z.infer<typeof panelSchema>

export const dashboardFile = (uid: string): string =>
  join(root, 'deploy', 'grafana', 'dashboards', `${uid}.json`)

/** The panels of a dashboard as it is deployed, without the headings of rows. */
export function panelsOf(uid: string): readonly DashboardPanel[] {
  const { panels } = z
    .object({ panels: z.array(z.looseObject({ type: z.string() })) })
    .parse(JSON.parse(readFileSync(dashboardFile(uid), 'utf8')))
  return panels.filter(({ type }) => type !== 'row').map((panel) => panelSchema.parse(panel))
}

/** Of all dashboards. */
export const dashboardPanels = (): readonly (DashboardPanel & { readonly uid: string })[] =>
  dashboards.flatMap(({ uid }) => panelsOf(uid).map((panel) => ({ ...panel, uid })))
