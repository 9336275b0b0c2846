/**
 * Breadth-first over everything that can happen, so that the first counterexample found is a shortest one. Then the
 * liveness check: among the steps that may be relied on, no way from any reachable state is endless or ends before the
 * run has. (Stronger than fairness asks for: there is no cycle at all, so it does not matter who is scheduled when.)
 */
import { type Bounds, type PlantedError } from './bounds.ts'
import { Encoder } from './encode.ts'
import { faultSteps } from './fault-steps.ts'
import { heartbeatSteps } from './heartbeat-steps.ts'
import { brokenBy, isDone } from './invariants.ts'
import { batchSteps, schedulerSteps } from './scheduler-steps.ts'
import { initialState, type State } from './state.ts'
import { forgetful, type Rules, type Step } from './step.ts'
import { ackSteps, workerSteps } from './worker-steps.ts'

export interface Violation {
  readonly kind: 'safety' | 'deadlock' | 'livelock'
  readonly message: string
  /** Labels of the steps from the beginning; of a livelock, the last ones repeat for ever. */
  readonly trace: readonly string[]
}

export interface Exploration {
  readonly states: number
  readonly transitions: number
  /** Longest of the shortest ways to a state. */
  readonly depth: number
  readonly seconds: number
  readonly violation: Violation | null
}

/** Growing list of integers: millions of edges would not fit into an array of objects. */
class IntList {
  #items = new Int32Array(1 << 16)
  length = 0
  push(value: number): void {
    if (this.length === this.#items.length) {
      const larger = new Int32Array(this.#items.length * 2)
      larger.set(this.#items)
      this.#items = larger
    }
    this.#items[this.length++] = value
  }
  at(index: number): number {
    return this.#items[index] ?? -1
  }
}

export function explore(bounds: Bounds, planted: readonly PlantedError[] = []): Exploration {
  const beganAt = performance.now()
  const rules: Rules = {
    planted: new Set(planted),
    retries: bounds.retries,
    canFail: bounds.canFail,
    kinds: new Set(bounds.kinds),
  }
  const first = initialState(bounds)
  const encoder = new Encoder()
  const keyOf = (state: State): string => encoder.keyOf(state)
  const indices = new Map<string, number>([[keyOf(first), 0]])
  const parents = new IntList()
  parents.push(-1)
  const done: boolean[] = [isDone(first)]
  const sources = new IntList()
  const targets = new IntList()
  let frontier: { index: number; state: State }[] = [{ index: 0, state: first }]
  let depth = 0
  let transitions = 0
  const result = (violation: Violation | null): Exploration => ({
    states: indices.size,
    transitions,
    depth,
    seconds: (performance.now() - beganAt) / 1_000,
    violation,
  })
  const traceTo = (index: number): readonly Step[] => replay(first, rules, pathTo(index, parents))

  /** Keys of the states on the way, from the beginning. */
  function pathTo(index: number, of: IntList): number[] {
    const path: number[] = []
    for (let at = index; at > 0; at = of.at(at)) path.push(at)
    return path.toReversed()
  }

  /** The steps that lead through these states: taken again, so that nothing but numbers is kept of each. */
  function replay(from: State, with_: Rules, path: readonly number[]): readonly Step[] {
    const steps: Step[] = []
    let state = from
    for (const wanted of path) {
      const step = [...stepsOf(state, with_)].find(({ next }) => indices.get(keyOf(next)) === wanted)
      if (step === undefined) throw new Error('a step of the trace cannot be repeated')
      steps.push(step)
      state = step.next
    }
    return steps
  }

  const labelsTo = (index: number): string[] => traceTo(index).map(({ label }) => label)

  while (frontier.length > 0) {
    const next: { index: number; state: State }[] = []
    for (const { index, state } of frontier) {
      if (done[index] && bounds.stopsAtEnd) continue
      for (const step of stepsOf(state, rules)) {
        transitions++
        const wrong = step.violation ?? brokenBy(state, step.next)
        if (wrong !== null)
          return result({ kind: 'safety', message: wrong, trace: [...labelsTo(index), step.label] })
        const key = encoder.keyOf(step.next)
        let target = indices.get(key)
        if (target === undefined) {
          target = indices.size
          indices.set(key, target)
          parents.push(index)
          done.push(isDone(step.next))
          next.push({ index: target, state: step.next })
        }
        if (step.fairness === 'fair' && target !== index && !done[index]) {
          sources.push(index)
          targets.push(target)
        }
      }
    }
    frontier = next
    if (next.length > 0) depth++
  }
  const stuck = endless(indices.size, done, sources, targets)
  if (stuck === null) return result(null)
  const labels = labelsTo(stuck.entry)
  return result(
    stuck.kind === 'deadlock'
      ? {
          kind: 'deadlock',
          message: 'the run never ends: nothing is left that may be relied on',
          trace: labels,
        }
      : {
          kind: 'livelock',
          message: `the run need never end: ${stuck.cycle.length} states follow one another for ever`,
          trace: [...labels, '… for ever:', ...cycleLabels(stuck.entry, stuck.cycle)],
        },
  )

  function cycleLabels(entry: number, cycle: readonly number[]): string[] {
    const state = traceTo(entry).at(-1)?.next ?? first
    return replay(state, rules, [...cycle.slice(1), entry]).map(({ label }) => label)
  }
}

function* stepsOf(state: State, rules: Rules): Generator<Step> {
  const only = undisturbed(state, rules)
  if (only !== null) {
    yield { ...only, next: forgetful(only.next, rules) }
    return
  }
  for (const steps of [schedulerSteps, workerSteps, heartbeatSteps, faultSteps])
    for (const step of steps(state, rules)) yield { ...step, next: forgetful(step.next, rules) }
}

/**
 * Where no fault can come any more, the order of some steps makes no difference, and one order stands for all: a worker
 * acks at once what it is to ack, and the owner brings a batch to its end once it has begun with it. (What these steps
 * change, others only read later.)
 */
function undisturbed(state: State, rules: Rules): Step | null {
  if (state.faultsLeft > 0) return null
  for (const step of ackSteps(state)) return step
  const owner = state.schedulers.find(
    ({ batch, isFrozen, hasDatabase, link, epoch }) =>
      batch !== null && !isFrozen && hasDatabase && link === 'up' && epoch === state.epoch,
  )
  // (An earlier owner that wakes up is fenced off by the epoch alone, whatever this one has committed by then.)
  if (owner !== undefined) for (const step of batchSteps(state, owner, rules)) return step
  return null
}

/** A state that is not done, from which fair steps lead nowhere, or for ever round and round. */
function endless(
  count: number,
  done: readonly boolean[],
  sources: IntList,
  targets: IntList,
):
  { kind: 'deadlock'; entry: number } | { kind: 'livelock'; entry: number; cycle: readonly number[] } | null {
  const left = new Int32Array(count)
  const starts = new Int32Array(count + 1)
  for (let edge = 0; edge < sources.length; edge++) {
    left[sources.at(edge)]!++
    starts[targets.at(edge) + 1]!++
  }
  for (let at = 0; at < count; at++) starts[at + 1]! += starts[at]!
  const into = new Int32Array(sources.length)
  const fill = starts.slice(0, count)
  for (let edge = 0; edge < sources.length; edge++) into[fill[targets.at(edge)]!++] = sources.at(edge)
  const pile: number[] = []
  for (let at = 0; at < count; at++) {
    if (done[at] === true) pile.push(at)
    else if (left[at] === 0) return { kind: 'deadlock', entry: at }
  }
  // From the end backwards: a state whose every fair step leads to one that ends, ends.
  const ends = new Uint8Array(count)
  while (pile.length > 0) {
    const at = pile.pop() ?? 0
    if (ends[at] === 1) continue
    ends[at] = 1
    for (let edge = starts[at]!; edge < starts[at + 1]!; edge++) {
      const source = into[edge]!
      if (--left[source]! === 0) pile.push(source)
    }
  }
  const open = ends.indexOf(0)
  if (open === -1) return null
  // Follow steps to states that do not end, until one comes again.
  const out = new Map<number, number>()
  for (let edge = 0; edge < sources.length; edge++)
    if (ends[sources.at(edge)] === 0 && ends[targets.at(edge)] === 0)
      out.set(sources.at(edge), targets.at(edge))
  const order: number[] = []
  const seen = new Map<number, number>()
  for (let at = open; !seen.has(at); at = out.get(at) ?? at) {
    seen.set(at, order.length)
    order.push(at)
    if (!out.has(at)) return { kind: 'deadlock', entry: at }
    const target = out.get(at) ?? at
    const known = seen.get(target)
    if (known !== undefined) return { kind: 'livelock', entry: target, cycle: order.slice(known) }
  }
  return null
}
