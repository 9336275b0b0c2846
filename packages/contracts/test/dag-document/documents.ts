import {
  type AlgorithmCatalog,
  type DagParseResult,
  type ParseDagOptions,
  parseDagDocument,
} from '@celeriac/contracts'
import { builtinCatalog } from '../builtin-catalog.ts'

export const catalog: AlgorithmCatalog = builtinCatalog()

export const parse = (source: string, options: Partial<ParseDagOptions> = {}): DagParseResult =>
  parseDagDocument(source, { algorithms: catalog, ...options })

/** The result of a document that must be fine. */
export function parsed(
  source: string,
  options: Partial<ParseDagOptions> = {},
): Extract<DagParseResult, { ok: true }> {
  const result = parse(source, options)
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2))
  return result
}

/** `code line:column path` of every problem or warning, for short expectations. */
export function findings(source: string, options: Partial<ParseDagOptions> = {}): readonly string[] {
  const result = parse(source, options)
  return (result.ok ? result.warnings : result.problems).map(({ code, line, column, path }) =>
    `${code} ${line}:${column} ${path}`.trimEnd(),
  )
}

/** A document of pass-through operators `ids` with the given edges. */
export const passThroughDag = (
  ids: readonly string[],
  edges: readonly (readonly [string, string])[],
): object => ({
  dag: {
    operator_list: ids,
    operator_rels: Object.fromEntries(
      ids.map((id) => [id, edges.filter(([from]) => from === id).map(([, target]) => ({ target }))]),
    ),
    operator_details: Object.fromEntries(ids.map((id) => [id, { algo_name: 'algo_local_pass_through' }])),
  },
})
