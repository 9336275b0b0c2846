import type { PlanInput } from '@celeriac/core'
import type { InputPort, OutputPort } from '../../manifest/manifest.ts'
import { show } from '../../show-value.ts'
import type { ProblemList } from '../problem-list.ts'
import type { CheckedEdge, CheckedEdges, CheckedOperator } from './operator.ts'

/**
 * Checks the edges against the ports of the manifests, and that every required input has an edge. The result has the
 * inputs of each operator, by port. An edge from or to a task is no input: it carries nothing.
 */
export function checkWiring(
  operators: ReadonlyMap<string, CheckedOperator>,
  { edges, spokenFor }: CheckedEdges,
  problems: ProblemList,
): ReadonlyMap<CheckedOperator, readonly PlanInput[]> {
  const wired = new Map<CheckedOperator, Map<number, CheckedEdge[]>>()
  for (const edge of edges) {
    checkPorts(edge, problems)
    if (edge.from.isPlainTask || edge.to.isPlainTask) continue
    const ports = wired.get(edge.to) ?? new Map<number, CheckedEdge[]>()
    const atPort = ports.get(edge.toPort) ?? []
    atPort.push(edge)
    ports.set(edge.toPort, atPort)
    wired.set(edge.to, ports)
    if (atPort.length > 1) checkOccupied(edge, atPort[0] ?? edge, problems)
  }
  const inputs = new Map<CheckedOperator, readonly PlanInput[]>()
  for (const operator of operators.values()) {
    const ports = wired.get(operator)
    // The edges of an operator that is not listed probably name it as it should be listed.
    if (operator.ordinal >= 0) reportUnwired(operator, ports, spokenFor.get(operator), problems)
    inputs.set(operator, planInputs(ports))
  }
  return inputs
}

const planInputs = (ports: ReadonlyMap<number, readonly CheckedEdge[]> | undefined): readonly PlanInput[] =>
  [...(ports ?? [])]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([port, edges]) =>
      edges.map((edge) => ({ port, from: edge.from.ordinal, fromPort: edge.fromPort })),
    )

const nameOf = (port: InputPort | OutputPort): string =>
  `${port.index} (${port.name}: ${[port.type].flat().join(' or ')})`

const listOf = (ports: readonly (InputPort | OutputPort)[]): string =>
  ports.length === 0 ? 'none' : ports.map(nameOf).join(', ')

const onlyIndex = (ports: readonly { readonly index: number }[]): string | undefined =>
  ports.length === 1 ? String(ports[0]?.index) : undefined

function checkPorts(edge: CheckedEdge, problems: ProblemList): void {
  const { from, to } = edge
  if (from.isPlainTask || to.isPlainTask) {
    checkOrderPort(edge, 'source_index', problems)
    checkOrderPort(edge, 'target_index', problems)
    return
  }
  const output = from.manifest?.outputs[edge.fromPort]
  const input = to.manifest?.inputs[edge.toPort]
  if (from.manifest !== null && output === undefined) {
    problems.add({
      code: 'port_out_of_range',
      message: `${from.algoName} has no output ${edge.fromPort}; its outputs: ${listOf(from.manifest.outputs)}`,
      path: [...edge.path, 'source_index'],
      suggestion: onlyIndex(from.manifest.outputs),
    })
  }
  if (to.manifest !== null && input === undefined) {
    problems.add({
      code: 'port_out_of_range',
      message: `${to.algoName} has no input ${edge.toPort}; its inputs: ${listOf(to.manifest.inputs)}`,
      path: [...edge.path, 'target_index'],
      suggestion: onlyIndex(to.manifest.inputs),
    })
  }
  if (output !== undefined && input !== undefined && !fits(from, output, input)) {
    reportMismatch(edge, output, input, problems)
  }
}

/** What only orders has no use for a port: 0 stands for none, and another number is taken for a misunderstanding. */
function checkOrderPort(
  edge: CheckedEdge,
  key: 'source_index' | 'target_index',
  problems: ProblemList,
): void {
  if ((key === 'source_index' ? edge.fromPort : edge.toPort) === 0) return
  const task = edge.from.isPlainTask ? edge.from : edge.to
  problems.add({
    code: 'port_out_of_range',
    message: `${show(task.id)} is a task, which has no ports: an edge from or to it only says what comes first; leave ${key} out`,
    path: [...edge.path, key],
    suggestion: '0',
  })
}

/** A Model at a Table port stands for the table that it was fitted on; only a model that was fitted has one. */
function fits(from: CheckedOperator, output: OutputPort, input: InputPort): boolean {
  if (input.type.includes(output.type)) return true
  const isFitted = from.manifest?.inputs.some((port) => port.type.includes('Table')) === true
  return output.type === 'Model' && input.type.includes('Table') && isFitted
}

function reportMismatch(
  edge: CheckedEdge,
  output: OutputPort,
  input: InputPort,
  problems: ProblemList,
): void {
  const { from, to } = edge
  const otherInputs = (to.manifest?.inputs ?? []).filter((other) => fits(from, output, other))
  const otherOutputs = (from.manifest?.outputs ?? []).filter((other) => fits(from, other, input))
  const key = otherInputs.length === 0 && otherOutputs.length > 0 ? 'source_index' : 'target_index'
  const others = key === 'source_index' ? otherOutputs : otherInputs
  const hint = others.length === 0 ? '' : `; ${key} ${others.map(nameOf).join(' or ')} would fit`
  problems.add({
    code: 'port_type_mismatch',
    message: `output ${nameOf(output)} of ${show(from.id)} does not fit input ${nameOf(input)} of ${show(to.id)}${hint}`,
    path: [...edge.path, key],
    suggestion: onlyIndex(others),
  })
}

function checkOccupied(edge: CheckedEdge, first: CheckedEdge, problems: ProblemList): void {
  const input = edge.to.manifest?.inputs[edge.toPort]
  if (input === undefined || input.multiple) return
  problems.add({
    code: 'port_occupied',
    message: `input ${nameOf(input)} of ${show(edge.to.id)} has an edge already, from ${show(first.from.id)}; it takes one`,
    path: [...edge.path, 'target_index'],
  })
}

function reportUnwired(
  operator: CheckedOperator,
  wired: ReadonlyMap<number, unknown> | undefined,
  spokenFor: ReadonlySet<number> | undefined,
  problems: ProblemList,
): void {
  for (const input of operator.manifest?.inputs ?? []) {
    if (!input.required || wired?.has(input.index) === true || spokenFor?.has(input.index) === true) continue
    problems.add({
      code: 'input_unwired',
      message: `input ${nameOf(input)} of ${show(operator.id)} needs an edge: add one in operator_rels of the operator that feeds it`,
      path: operator.path,
      atKey: true,
    })
  }
}
