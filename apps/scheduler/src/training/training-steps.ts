/** A training as a list of steps, and the list as a DAG document. */
import type { JsonObject, JsonValue } from '@celeriac/core'
import type { AlgorithmCatalog, DagDocument } from '@celeriac/contracts'

/** An operator to be, and where its inputs come from. */
export interface Step {
  readonly id: string
  readonly algorithm: string
  readonly params: JsonObject
  /** Input port → output port of an earlier step. */
  readonly inputs: readonly { readonly port: number; readonly from: string; readonly fromPort: number }[]
}

/** Place on the canvas: as far right as the longest way from the beginning, in pixels. */
const columnWidth = 220
const rowHeight = 120

/** The document of these steps. Steps stand behind those that they read from. */
export function documentOf(
  name: string,
  steps: readonly Step[],
  algorithms: Pick<AlgorithmCatalog, 'get'>,
): DagDocument {
  const depths = new Map<string, number>()
  const rows = new Map<number, number>()
  const edges = new Map<string, JsonObject[]>()
  const details: Record<string, JsonValue> = {}
  for (const { id, algorithm, params, inputs } of steps) {
    const depth = Math.max(-1, ...inputs.map(({ from }) => depths.get(from) ?? 0)) + 1
    const row = rows.get(depth) ?? 0
    depths.set(id, depth)
    rows.set(depth, row + 1)
    for (const { port, from, fromPort } of inputs) {
      const leaving = edges.get(from) ?? []
      edges.set(from, leaving)
      leaving.push({ target: id, source_index: fromPort, target_index: port })
    }
    details[id] = {
      algo_name: algorithm,
      cn_name: algorithms.get(algorithm)?.cn_name ?? algorithm,
      coordinate: { x: depth * columnWidth, y: row * rowHeight },
      params,
    }
  }
  return {
    name,
    dag: {
      operator_list: steps.map(({ id }) => id),
      operator_rels: Object.fromEntries(edges),
      operator_details: details,
    },
  }
}
