import { describe, expect, test } from 'vitest'
import type { RunView } from '../support/api-client.ts'
import type { Evidence, Execution } from './evidence.ts'
import { planFaults } from './faults.ts'
import { prove } from './proof.ts'
import { planRun, type RunPlan } from './run-plans.ts'

const plan: RunPlan = {
  name: 'two',
  operators: [
    { id: 'a', upstream: [], seconds: 0, fails: false },
    { id: 'b', upstream: ['a'], seconds: 0, fails: false },
  ],
  endOf: { a: 'succeeded', b: 'succeeded' },
  end: 'succeeded',
}

const operator = (id: string, attempt = 1): RunView['operators'][number] => ({
  id,
  algo_name: 'algo_local_ledger',
  task: null,
  executor: 'local',
  state: 'succeeded',
  attempt,
  worker: 'w',
  error: null,
  metrics: {},
  compat: [],
  outputs: { '0': { type: 'Table', uri: `file:///${id}` } },
  returned: null,
})

const execution = (name: string, token: string, beganAt: number): Execution => ({
  run: 'r',
  operator: name,
  attempt: 1,
  token,
  beganAt,
  endedAt: beganAt + 10,
})

const artifact = (name: string, token: string, read: readonly string[]) => ({
  uri: `file:///${name}`,
  run: 'r',
  operator: name,
  attempt: 1,
  token,
  read,
})

/** Two operators that ran once each, and the first one a second time because of a fault. */
const good: Evidence = {
  runs: [{ plan, view: { id: 'r', state: 'succeeded', operators: [operator('a'), operator('b')] } }],
  executions: [execution('a', 'a1', 1_000), execution('a', 'a2', 1_500), execution('b', 'b1', 2_000)],
  artifacts: new Map([artifact('a', 'a2', []), artifact('b', 'b1', ['a2'])].map((each) => [each.uri, each])),
  changes: [
    { run: 'r', ordinal: 0, from: 'running', to: 'queued', fromAttempt: 1, toAttempt: 1, at: 1_400 },
    { run: 'r', ordinal: 0, from: 'running', to: 'succeeded', fromAttempt: 1, toAttempt: 1, at: 1_600 },
    { run: 'r', ordinal: 1, from: 'running', to: 'succeeded', fromAttempt: 1, toAttempt: 1, at: 2_100 },
  ],
  faults: [{ kind: 'worker_killed', target: 'worker1', beganAt: 1_200, endedAt: 1_300 }],
  slots: 2,
  leftovers: [],
  unreadable: [],
}
const run = good.runs[0]
const [changeA, endA] = good.changes

describe('the proof', () => {
  test('holds when every effect is one execution, and charges further ones to the fault before them', () => {
    expect(prove(good)).toEqual({
      violations: [],
      executions: 3,
      effects: 2,
      costs: { worker_killed: { executions: 1, attempts: 0, handedOn: 1 } },
    })
  })

  test.each<[string, Partial<Evidence>, RegExp]>([
    [
      'a run that ended otherwise',
      { runs: [{ plan, view: { ...run!.view, state: 'failed' } }] },
      /not succeeded/,
    ],
    ['an execution without a cause', { faults: [] }, /ran again .* although nothing was broken/],
    ['an operator that never ran', { executions: good.executions.slice(0, 2) }, /without having run/],
    [
      'an effect of another attempt',
      {
        runs: [{ plan, view: { ...run!.view, operators: [operator('a', 2), operator('b')] } }],
      },
      /at attempt 2, its artifact of 1/,
    ],
    [
      'a reader of an execution that did not take effect',
      { artifacts: new Map(good.artifacts).set('file:///b', artifact('b', 'b1', ['a1'])) },
      /read a1 of a, whose effect is a2/,
    ],
    [
      'an artifact that nobody wrote',
      { artifacts: new Map(good.artifacts).set('file:///a', artifact('a', 'a9', [])) },
      /0 executions wrote its artifact/,
    ],
    [
      'a successor before its predecessor',
      { executions: [...good.executions.slice(0, 2), execution('b', 'b1', 1_400)] },
      /began before a had ended/,
    ],
    ['an attempt that falls', { changes: [{ ...changeA!, fromAttempt: 2 }] }, /fell from 2 to 1/],
    ['a second end', { changes: [...good.changes, endA!] }, /ended 2 times/],
    [
      'a final state that is left',
      { changes: [...good.changes, { ...endA!, from: 'succeeded', to: 'running' }] },
      /left succeeded for running/,
    ],
    ['what is left over', { leftovers: ['3 in celeriac.local'] }, /3 in celeriac.local/],
    ['an artifact that is not whole', { unreadable: ['file:///b: never committed'] }, /never committed/],
    [
      'more executions than faults explain',
      {
        executions: [
          ...good.executions,
          ...Array.from({ length: 9 }, (_, index) => execution('b', `x${index}`, 2_001 + index)),
        ],
      },
      /the faults explain 4/,
    ],
  ])('finds %s', (_what, change, violation) => {
    expect(prove({ ...good, ...change }).violations.join('\n')).toMatch(violation)
  })
})

test('a seed draws the same runs and faults each time, and every kind of fault once before one again', () => {
  expect(planRun(5, 3)).toEqual(planRun(5, 3))
  expect(planRun(5, 3)).not.toEqual(planRun(6, 3))
  const faults = planFaults(5, 36)
  expect(planFaults(5, 36)).toEqual(faults)
  expect(new Set(faults.slice(0, 18).map(({ kind }) => kind)).size).toBe(18)
})

test('the end of a run that was drawn follows from its operators', () => {
  const plans = Array.from({ length: 200 }, (_, index) => planRun(1, index))
  const failing = plans.filter(({ end }) => end === 'failed')
  expect(failing.length).toBeGreaterThan(0)
  for (const { operators, endOf } of failing)
    for (const { id, upstream } of operators)
      expect(endOf[id] === 'upstream_failed').toBe(upstream.some((each) => endOf[each] !== 'succeeded'))
})
