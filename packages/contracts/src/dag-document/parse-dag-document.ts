import type { DagPlan, JsonObject } from '@celeriac/core'
import type { DocumentSchedule } from '../schedule/document-schedule.ts'
import type { AlgorithmCatalog } from '../manifest/algorithm-catalog.ts'
import { checkEdges } from './checks/check-edges.ts'
import { checkGraph } from './checks/check-graph.ts'
import { checkOperators } from './checks/check-operators.ts'
import { checkWiring } from './checks/check-wiring.ts'
import { compilePlan } from './compile-plan.ts'
import { type DagLimits, defaultDagLimits } from './limits.ts'
import type { Problem } from './problem.ts'
import { ProblemList } from './problem-list.ts'
import { readShape } from './read-shape.ts'
import { readYaml } from './yaml/read-yaml.ts'

/** A document as JSON: what was written, unknown keys and canvas data included. */
export type DagDocument = JsonObject

export interface ParseDagOptions {
  readonly algorithms: AlgorithmCatalog
  readonly limits?: Partial<DagLimits>
  /** Executors that an operator may name. Default: `local` and `dc`. */
  readonly executors?: readonly string[]
}

export type DagParseResult =
  | {
      readonly ok: true
      readonly document: DagDocument
      readonly plan: DagPlan
      /** The document's `name`; null when it has none. */
      readonly name: string | null
      /** When the DAG runs by itself; null: only when asked to. */
      readonly schedule: DocumentSchedule | null
      /** Runs of the DAG that may be active at a time; null: no limit. */
      readonly maxActiveRuns: number | null
      readonly warnings: readonly Problem[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * Reads and checks a DAG document (YAML, or JSON as a part of it). Never throws for any text. All problems are
 * reported at once, in the order of the text; only text that is not YAML ends the reading early.
 */
export function parseDagDocument(source: string, options: ParseDagOptions): DagParseResult {
  const limits: DagLimits = { ...defaultDagLimits, ...options.limits }
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source
  const problems = new ProblemList(text, limits.problems)
  const refused = (): DagParseResult => ({ ok: false, problems: problems.toProblems() })

  const root = readYaml(text, limits, problems)
  if (root === null) return refused()
  problems.locateIn(root)
  const shape = readShape(root, limits, problems)
  if (shape === null) return refused()
  const executors = options.executors ?? ['local']
  const operators = checkOperators(shape, { algorithms: options.algorithms, executors, limits }, problems)
  const edges = checkEdges(shape, operators, limits, problems)
  const inputs = checkWiring(operators, edges, problems)
  checkGraph(operators, edges, problems)
  if (problems.hasErrors) return refused()
  return {
    ok: true,
    document: root.value as DagDocument,
    plan: compilePlan(operators, inputs, edges.edges),
    name: shape.name,
    schedule: shape.schedule,
    maxActiveRuns: shape.maxActiveRuns,
    warnings: problems.toProblems(),
  }
}
