import type { Artifact, Evidence, Execution } from './evidence.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { Change } from './history.ts'

/** Consequences come late: a lost worker's task waits in its queue before it runs again. */
const aftermathMs = 30_000
const finalStates = new Set(['succeeded', 'failed', 'cancelled', 'skipped', 'upstream_failed'])

export interface Proof {
  /** Empty, or the platform has broken a promise. */
  readonly violations: readonly string[]
  readonly executions: number
  /** Operator tasks whose code took effect: exactly one execution of each. */
  readonly effects: number
  /** What the faults cost, by their kind. */
  readonly costs: Readonly<Partial<Record<FaultKind, FaultCosts>>>
}

export interface FaultCosts {
  /** Executions beyond the one that took effect. */
  readonly executions: number
  /** Attempts beyond the first. */
  readonly attempts: number
  /** Times that a running attempt was put back into its queue because its worker was lost. */
  readonly handedOn: number
}

/** Judges what happened. Pure: the tests of this function show that it finds what it is there to find. */
export function prove(evidence: Evidence): Proof {
  const byTask = groupBy(evidence.executions, keyOf)
  const violations = [
    ...evidence.leftovers.map((left) => `left over: ${left}`),
    ...evidence.unreadable.map((uri) => `unreadable artifact: ${uri}`),
    ...evidence.changes.flatMap(violationsOfChange),
    ...twoEnds(evidence.changes),
  ]
  const costs: Partial<Record<FaultKind, FaultCosts>> = {}
  const charge = (at: number, what: keyof FaultCosts): boolean => {
    const cause = causeOf(at, evidence.faults)
    if (cause === null) return false
    const before = costs[cause.kind] ?? { executions: 0, attempts: 0, handedOn: 0 }
    costs[cause.kind] = { ...before, [what]: before[what] + 1 }
    return true
  }
  for (const { run, ordinal, from, to, fromAttempt, toAttempt, at } of evidence.changes) {
    if (from === 'running' && to === 'queued' && !charge(at, 'handedOn'))
      violations.push(`${run}/${ordinal} was handed on although nothing was broken`)
    if (fromAttempt > 0 && toAttempt > fromAttempt && !charge(at, 'attempts'))
      violations.push(`${run}/${ordinal} got a new attempt although nothing was broken`)
  }
  let effects = 0
  const known = new Set<string>()
  for (const { plan, view } of evidence.runs) {
    if (view.state !== plan.end) violations.push(`run ${view.id} is ${view.state}, not ${plan.end}`)
    const artifactOf = new Map<string, Artifact>()
    for (const operator of view.operators) {
      const task = keyOf({ run: view.id, operator: operator.id })
      known.add(task)
      const expected = plan.endOf[operator.id]
      const why = operator.error === null ? '' : `: ${operator.error.code} ${operator.error.message}`
      if (operator.state !== expected) violations.push(`${task} is ${operator.state}, not ${expected}${why}`)
      const executions = byTask.get(task) ?? []
      if (operator.state === 'upstream_failed') {
        if (executions.length > 0) violations.push(`${task} was not to run, and did`)
        continue
      }
      effects++
      if (executions.length === 0) violations.push(`${task} ended without having run`)
      for (const { beganAt, token } of executions.toSorted((a, b) => a.beganAt - b.beganAt).slice(1))
        if (!charge(beganAt, 'executions'))
          violations.push(`${task} ran again (${token}) although nothing was broken`)
      if (operator.state !== 'succeeded') continue
      const artifact = evidence.artifacts.get(operator.outputs['0']?.uri ?? '')
      if (artifact === undefined) violations.push(`${task} succeeded without an artifact`)
      else {
        artifactOf.set(operator.id, artifact)
        violations.push(...violationsOfEffect(task, operator.attempt, artifact, executions))
      }
    }
    for (const { id, upstream } of plan.operators)
      violations.push(...violationsOfReading(view.id, id, upstream, artifactOf, byTask))
  }
  for (const task of byTask.keys()) if (!known.has(task)) violations.push(`${task} ran and belongs to no run`)
  const extraCount = Object.values(costs).reduce((sum, { executions }) => sum + executions, 0)
  const most = evidence.faults.length * evidence.slots * 2
  if (extraCount > most)
    violations.push(`${extraCount} executions more than effects; the faults explain ${most}`)
  return {
    violations,
    executions: evidence.executions.length,
    effects,
    costs,
  }
}

function groupBy<T>(items: readonly T[], keyFor: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyFor(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

const keyOf = ({ run, operator }: { readonly run: string; readonly operator: string }): string =>
  `${run}/${operator}`

/** The last fault that began before this instant, unless it was over for long. */
const causeOf = (at: number, faults: readonly Fault[]): Fault | null =>
  faults
    .filter((fault) => fault.beganAt <= at && at <= fault.endedAt + aftermathMs)
    .toSorted((a, b) => b.beganAt - a.beganAt)[0] ?? null

function violationsOfChange({ run, ordinal, from, to, fromAttempt, toAttempt }: Change): readonly string[] {
  const task = `${run}/${ordinal}`
  return [
    ...(toAttempt < fromAttempt ? [`${task}: its attempt fell from ${fromAttempt} to ${toAttempt}`] : []),
    ...(finalStates.has(from) ? [`${task}: left ${from} for ${to}`] : []),
  ]
}

function twoEnds(changes: readonly Change[]): readonly string[] {
  const ends = groupBy(
    changes.filter(({ to }) => finalStates.has(to)),
    ({ run, ordinal }) => `${run}/${ordinal}`,
  )
  return [...ends]
    .filter(([, all]) => all.length > 1)
    .map(([task, all]) => `${task} ended ${all.length} times`)
}

/** The artifact that the database points to was written by one execution of the attempt that the database names. */
function violationsOfEffect(
  task: string,
  attempt: number,
  artifact: Artifact,
  executions: readonly Execution[],
): readonly string[] {
  const effective = executions.filter(({ token }) => token === artifact.token)
  return [
    ...(keyOf(artifact) === task ? [] : [`${task} has the artifact of ${keyOf(artifact)}`]),
    ...(artifact.attempt === attempt
      ? []
      : [`${task} is at attempt ${attempt}, its artifact of ${artifact.attempt}`]),
    ...(effective.length === 1 ? [] : [`${task}: ${effective.length} executions wrote its artifact`]),
    ...(effective[0]?.endedAt === null ? [`${task}: its artifact is of an execution without an end`] : []),
  ]
}

/** Whoever reads an operator's output reads that of its one effective execution, after its end. */
function violationsOfReading(
  run: string,
  id: string,
  upstream: readonly string[],
  artifactOf: ReadonlyMap<string, Artifact>,
  byTask: ReadonlyMap<string, readonly Execution[]>,
): readonly string[] {
  const violations: string[] = []
  const task = keyOf({ run, operator: id })
  const executions = byTask.get(task) ?? []
  for (const [port, source] of upstream.entries()) {
    const wanted = artifactOf.get(source)
    if (wanted === undefined) continue
    const read = artifactOf.get(id)?.read[port]
    if (artifactOf.has(id) && read !== wanted.token)
      violations.push(`${task} read ${read} of ${source}, whose effect is ${wanted.token}`)
    const endedAt = byTask
      .get(keyOf({ run, operator: source }))
      ?.find(({ token }) => token === wanted.token)?.endedAt
    for (const { beganAt, token } of executions)
      if (typeof endedAt === 'number' && beganAt < endedAt)
        violations.push(`${task} (${token}) began before ${source} had ended`)
  }
  return violations
}
