import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { buildDashboard } from '../../deploy/grafana/dashboard/build-dashboard.ts'
import { dashboards } from '../../deploy/grafana/dashboard/dashboards.ts'
import { root } from '../support/processes.ts'
import { dashboardFile, dashboardPanels, panelsOf } from './dashboard-panels.ts'
import { readRules } from './rule-files.ts'

test.each(dashboards)(
  'the dashboard $uid is what its builders make (else: npx vitest run --project unit test/deploy -u)',
  async (spec) => {
    const file = dashboardFile(spec.uid)
    await expect(`${JSON.stringify(buildDashboard(spec), null, 2)}\n`).toMatchFileSnapshot(file)
  },
)

test('no other dashboards are deployed', () => {
  const files = readdirSync(dirname(dashboardFile('any')))
  expect(files.toSorted()).toEqual(dashboards.map(({ uid }) => `${uid}.json`).toSorted())
})

test.each(dashboards)(
  'panels of $uid lie side by side within 24 columns and never on top of each other',
  ({ uid }) => {
    const cells = new Set<string>()
    for (const { title, gridPos } of panelsOf(uid)) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x}/${y}`), title).toBe(false)
          cells.add(`${x}/${y}`)
        }
    }
  },
)

test.each(dashboards)(
  'every panel of $uid has a title of its own, says what it shows and has a legend for each query',
  ({ uid }) => {
    const panels = panelsOf(uid)
    expect(panels.length).toBeGreaterThan(30)
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
    for (const { title, description, targets } of panels) {
      expect(description, title).toMatch(/\.$/)
      expect(targets.length, title).toBeGreaterThan(0)
      for (const { legendFormat } of targets) expect(legendFormat, title).not.toBe('')
    }
  },
)

test('queries and rules ask only for metrics of the reference page and for recorded series', () => {
  const reference = readFileSync(join(root, 'docs', 'reference', 'metrics.md'), 'utf8')
  const exposed = new Set([...reference.matchAll(/^\| `(celeriac_\w+)`/gm)].map(([, name]) => name))
  const { recording, alerts } = readRules()
  const recorded = new Set(recording.map(({ record }) => record))
  const queries = dashboardPanels().flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const expressions = [...queries, ...recording.map(({ expr }) => expr), ...alerts.map(({ expr }) => expr)]
  const names = expressions.flatMap((expr) => expr.match(/[a-z_:]*celeriac[_:][a-z0-9_:]+/g) ?? [])
  const unknown = names.filter(
    (name) =>
      !recorded.has(name) && !exposed.has(name) && !exposed.has(name.replace(/_(bucket|sum|count)$/, '')),
  )
  expect([...new Set(unknown)]).toEqual([])
})
