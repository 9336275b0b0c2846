import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'

interface Edge {
  readonly target: string
  readonly source_index: number
  readonly target_index: number
}

const layers = ['read_file', 'standardize', 'standardize', 'select_columns']
const paramsOf = [{ data_id: 7 }, { columns: ['a', 'b'] }, { columns: ['a', 'b'] }, { include: ['a'] }]

/**
 * 20 operators that all write artifacts, in four layers of five. The second standardize joins: a table of the first layer
 * and the transform that its neighbour fitted in the second.
 */
function documentOf(index: number): string {
  const rels: Record<string, Edge[]> = {}
  const details: Record<string, unknown> = {}
  const wire = (source: string, target: string, source_index = 0, target_index = 0): void => {
    ;(rels[source] ??= []).push({ target, source_index, target_index })
  }
  for (let column = 0; column < 5; column++) {
    for (const [layer, algorithm] of layers.entries())
      details[`o${layer}_${column}`] = {
        algo_name: `algo_local_${algorithm}`,
        params: paramsOf[layer],
        retries: { max: 3, backoff: 0.1 },
      }
    wire(`o0_${column}`, `o1_${column}`)
    wire(`o0_${(column + 1) % 5}`, `o2_${column}`)
    wire(`o1_${column}`, `o2_${column}`, 1, 1)
    wire(`o2_${column}`, `o3_${column}`)
  }
  return JSON.stringify({
    name: `chaos-${index}`,
    dag: { operator_list: Object.keys(details), operator_rels: rels, operator_details: details },
  })
}

const table = [
  'a,b,c',
  ...Array.from({ length: 500 }, (_, row) => `${row},${(row * 7) % 11},${row % 3}`),
].join('\n')

const runs = 50
let platform: Platform

beforeAll(async () => {
  platform = await (await Platform.create('distributed')).start({ schedulers: 2, workers: 3, concurrency: 2 })
  await platform.api.json('POST', '/api/v1/datasets?id=7&name=numbers', `${table}\n`, 'text/csv')
})
afterAll(() => platform?.destroy())

/** States of all operator tasks, as the database has them. */
const countStates = (): Promise<Record<string, number>> =>
  platform.withDatabase(async (client) => {
    const { rows } = await client.query<{ state: string; n: string }>(
      'SELECT state, count(*) AS n FROM operator_tasks GROUP BY state',
    )
    return Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)]))
  })

test('with a scheduler and a worker killed half way, every run ends and every artifact is whole', async () => {
  const ids: string[] = []
  for (let index = 0; index < runs; index++) ids.push((await platform.api.submit(documentOf(index))).id)
  const total = runs * 20
  await expect
    .poll(async () => (await countStates())['succeeded'] ?? 0, { timeout: 120_000, interval: 100 })
    .toBeGreaterThan(total / 3)

  // The scheduler that the clients do not talk to last, and a worker in the middle of its work.
  platform.schedulers[0]!.process.signal('SIGKILL')
  platform.workers[0]!.signal('SIGKILL')
  await Promise.all([platform.schedulers[0]!.process.exited, platform.workers[0]!.exited])

  for (const id of ids)
    expect((await platform.api.waitFor(id, ['succeeded', 'failed', 'cancelled'])).state).toBe('succeeded')
  expect(await countStates()).toEqual({ succeeded: total })

  // One row per operator task, each in one final state, each with its outputs; nothing staged is left referenced.
  await platform.withDatabase(async (client) => {
    const { rows } = await client.query<{ run_id: string; finished: boolean; tasks: string }>(
      'SELECT r.id AS run_id, r.finished_at IS NOT NULL AS finished, count(t.*) AS tasks FROM runs r JOIN operator_tasks t ON t.run_id = r.id GROUP BY r.id',
    )
    expect(rows).toHaveLength(runs)
    expect(rows.every(({ finished, tasks }) => finished && tasks === '20')).toBe(true)
  })
  await expectWholeArtifacts(ids)
})

/** Every attempt directory that exists is committed; what a killed worker left is staging, which nobody reads. */
async function expectWholeArtifacts(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const directory = join(platform.dataDir, 'artifacts', 'runs', id)
    for (const operator of await readdir(directory)) {
      const entries = await readdir(join(directory, operator))
      const committed = entries.filter((name) => /^\d+$/.test(name))
      expect(committed.length, `${id}/${operator}: ${entries.join(' ')}`).toBeGreaterThan(0)
      for (const attempt of committed)
        expect(await readdir(join(directory, operator, attempt))).toContain('_committed.json')
    }
  }
}
