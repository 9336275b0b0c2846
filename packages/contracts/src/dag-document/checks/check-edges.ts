import { show, typeNameOf } from '../../show-value.ts'
import { checkKeys, edgeKeys } from '../document-keys.ts'
import type { DocumentPath } from '../document-path.ts'
import type { DagLimits } from '../limits.ts'
import type { ProblemList } from '../problem-list.ts'
import { asMapping, type DagShape } from '../read-shape.ts'
import { converted } from '../schema-problems.ts'
import type { YamlMapping, YamlNode } from '../yaml/yaml-tree.ts'
import type { CheckedEdge, CheckedEdges, CheckedOperator } from './operator.ts'

/** Reads `dag.operator_rels`: who feeds whom, by which ports. */
export function checkEdges(
  shape: DagShape,
  operators: ReadonlyMap<string, CheckedOperator>,
  limits: DagLimits,
  problems: ProblemList,
): CheckedEdges {
  return new EdgeReader(operators, limits, problems).read(shape)
}

class EdgeReader {
  readonly #operators: ReadonlyMap<string, CheckedOperator>
  readonly #ids: ReadonlySet<string>
  readonly #limits: DagLimits
  readonly #problems: ProblemList
  readonly #edges: CheckedEdge[] = []
  readonly #spokenFor = new Map<CheckedOperator, Set<number>>()
  #count = 0

  constructor(operators: ReadonlyMap<string, CheckedOperator>, limits: DagLimits, problems: ProblemList) {
    this.#operators = operators
    this.#ids = new Set(operators.keys())
    this.#limits = limits
    this.#problems = problems
  }

  read(shape: DagShape): CheckedEdges {
    for (const [source, { node }] of shape.rels) {
      const path = ['dag', 'operator_rels', source]
      const from = this.#operators.get(source) ?? this.#unknownOperator(source, path, true).none
      for (const [position, item] of this.#itemsOf(node, path).entries()) {
        this.#count += 1
        if (this.#count > this.#limits.edges) {
          const message = `there are more than ${this.#limits.edges} edges; split the DAG`
          this.#problems.add({ code: 'too_many_edges', message, path: [...path, position] })
          return { edges: this.#edges, spokenFor: this.#spokenFor }
        }
        this.#edge(from, item, [...path, position])
      }
    }
    return { edges: this.#edges, spokenFor: this.#spokenFor }
  }

  #itemsOf(node: YamlNode, path: DocumentPath): readonly YamlNode[] {
    if (node.kind === 'sequence') return node.items
    if (node.value === null) return []
    const message = `the edges of an operator must be a list of {target, source_index, target_index}, got ${typeNameOf(node.value)} ${show(node.value)}`
    this.#problems.add({ code: 'wrong_type', message, path })
    return node.kind === 'mapping' ? [node] : []
  }

  #edge(from: CheckedOperator | null, node: YamlNode, path: DocumentPath): void {
    const mapping = asMapping(node, path, 'an edge', this.#problems)
    if (mapping === null) return
    checkKeys(mapping, path, edgeKeys, this.#problems)
    const fromPort = this.#port(mapping, 'source_index', path)
    const toPort = this.#port(mapping, 'target_index', path)
    const to = this.#target(mapping, path)
    if (to.operator !== null && from !== null && fromPort !== null && toPort !== null) {
      this.#edges.push({ from, fromPort, to: to.operator, toPort, path })
      return
    }
    // The input is not unwired: its edge is broken, and that is reported already.
    const meant = to.operator ?? to.probably
    if (meant === null) return
    const ports = this.#spokenFor.get(meant) ?? new Set()
    if (toPort !== null) ports.add(toPort)
    else for (const port of meant.manifest?.inputs ?? []) ports.add(port.index)
    this.#spokenFor.set(meant, ports)
  }

  #target(
    mapping: YamlMapping,
    path: DocumentPath,
  ): { operator: CheckedOperator | null; probably: CheckedOperator | null } {
    const value = mapping.entries.get('target')?.node.value ?? null
    const targetPath = [...path, 'target']
    if (value === null) {
      const message = 'the edge has no target: the id of the operator that it leads to'
      this.#problems.add({ code: 'missing_target', message, path: targetPath })
      return { operator: null, probably: null }
    }
    if (typeof value !== 'string') {
      const message = `target must be an operator id, got ${typeNameOf(value)} ${show(value)}`
      const suggestion = converted(value, 'string')
      this.#problems.add({ code: 'wrong_type', message, path: targetPath, suggestion })
      return { operator: null, probably: this.#operators.get(JSON.stringify(value)) ?? null }
    }
    const operator = this.#operators.get(value)
    if (operator !== undefined) return { operator, probably: null }
    return { operator: null, probably: this.#unknownOperator(value, targetPath, false).probably }
  }

  #unknownOperator(
    id: string,
    path: DocumentPath,
    atKey: boolean,
  ): { readonly none: null; readonly probably: CheckedOperator | null } {
    const suggestion = this.#problems.nearest(id, this.#ids)
    const hint = suggestion === undefined ? 'it is not in operator_list' : `did you mean ${suggestion}?`
    const message = `there is no operator ${show(id)}; ${hint}`
    this.#problems.add({ code: 'unknown_operator', message, path, atKey, suggestion })
    return { none: null, probably: this.#operators.get(suggestion ?? '') ?? null }
  }

  /** An index that is left out means port 0. */
  #port(mapping: YamlMapping, key: 'source_index' | 'target_index', path: DocumentPath): number | null {
    const value = mapping.entries.get(key)?.node.value ?? 0
    if (typeof value === 'number' && Number.isInteger(value)) return value
    const message = `${key} must be a port number, got ${typeNameOf(value)} ${show(value)}`
    const suggestion = converted(value, 'int')
    this.#problems.add({ code: 'wrong_type', message, path: [...path, key], suggestion })
    return null
  }
}
