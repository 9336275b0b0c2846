import { maxWorkerLosses, type BrokerState, type TriggerRule } from '@celeriac/core'
import { describe, expect, test } from 'vitest'
import { aResult, RunHarness, type OperatorSpec } from '../../../../packages/core/test/builders.ts'
import { explainTask } from '../../src/explain/explain-task.ts'
import { reasonCodes, type TaskExplanation } from '../../src/explain/explanation.ts'
import type { Facts } from '../../src/explain/facts.ts'
import { admissionFacts, factsOf, recordOf, underWay } from './explain-fixture.ts'

const told = new Set<string>()

function explain(harness: RunHarness, id: string, over: Partial<Facts> = {}): TaskExplanation {
  const { ordinal } = harness.run.plan.operators.find((operator) => operator.id === id)!
  const explanation = explainTask(factsOf(harness, over), ordinal)
  for (const { code } of explanation.reasons) told.add(code)
  return explanation
}

const codes = ({ reasons }: TaskExplanation): string[] => reasons.map(({ code }) => code)

const chain: readonly OperatorSpec[] = [{ id: 'read' }, { id: 'split', after: ['read'] }]
const one = (spec: Partial<OperatorSpec> = {}): readonly OperatorSpec[] => [{ id: 'fit', ...spec }]
const publish = (harness: RunHarness, id: string): void => {
  const { ordinal, attempt } = harness.task(id)
  harness.send({ type: 'published', ordinal, attempt })
}
const lease = (harness: RunHarness, id: string, isLeased: boolean): void => {
  const { ordinal, attempt } = harness.task(id)
  harness.send({ type: 'started', ordinal, attempt, worker: 'w1', startedAt: harness.now, isLeased })
}

describe('a run that is queued', () => {
  const queued = new RunHarness(chain)
  const waiting = (over: Parameters<typeof admissionFacts>[0]): Partial<Facts> => ({
    run: recordOf(queued, false),
    admission: admissionFacts(over),
  })

  test('waits for the limit of its DAG', () => {
    const over = waiting({ maxActiveRunsOfDag: 2, activeOfDag: 2, aheadOfDag: 3 })
    const explanation = explain(queued, 'split', over)
    expect(codes(explanation)).toEqual(['run_waits_for_dag_limit', 'waits_for_upstream'])
    expect(explanation.summary).toBe(
      'the run waits: 2 of 2 runs of the DAG demo are active; 3 runs of the DAG wait before it',
    )
    expect(explanation.next).toContain('a run of the DAG that ends')
  })

  test('waits for the limit of all DAGs', () => {
    const over = { ...waiting({ active: 5 }), maxActiveRuns: 5 }
    expect(codes(explain(queued, 'read', over))).toEqual(['run_waits_for_overall_limit', 'trigger_decided'])
  })

  test('waits for the next look when there is room', () => {
    expect(codes(explain(queued, 'read', waiting({ maxActiveRunsOfDag: 2, activeOfDag: 1 })))[0]).toBe(
      'run_waits_for_admission',
    )
  })

  test('waits for its engine', () => {
    const admitted = { admission: admissionFacts({ isAdmitted: true }) }
    expect(explain(queued, 'read', admitted).summary).toBe(
      'the run was accepted 1 s ago; scheduler-1 has not taken it up yet',
    )
    const behind = {
      owner: 'scheduler-1',
      load: { backlog: 700, oldestEventAt: -11_000, waitingSince: null, databaseAwaySince: null },
      isSetAside: false,
    }
    expect(explain(queued, 'read', { ...admitted, partition: behind }).summary).toBe(
      'the engine is 12 s behind, with 700 events before it',
    )
    const nobody = { owner: null, load: null, isSetAside: false }
    expect(codes(explain(queued, 'read', { ...admitted, partition: nobody }))[0]).toBe(
      'partition_without_owner',
    )
  })
})

describe('an operator that is pending', () => {
  const rules: readonly [TriggerRule, string][] = [
    ['all_success', 'when all upstream operators have succeeded'],
    ['all_done', 'when all upstream operators have ended, however they did'],
    ['one_success', 'as soon as one upstream operator has succeeded'],
    ['none_failed', 'when all upstream operators have ended and none has failed'],
  ]
  test.each(rules)('with the rule %s says whom it waits for, and the rule in words', (rule, words) => {
    const harness = underWay([{ id: 'a' }, { id: 'b' }, { id: 'c', after: ['a', 'b'], rule }])
    harness.begin('b')
    const { summary, reasons, next } = explain(harness, 'c')
    expect(summary).toBe(`it waits for a (ready) and b (running); it runs ${words}`)
    expect(reasons[0]?.details).toMatchObject({ operators: [{ id: 'a' }, { id: 'b' }], trigger_rule: rule })
    expect(next).toBe('a and b end')
  })

  test('counts upstream operators where there are many', () => {
    const many = Array.from({ length: 9 }, (_, index) => ({ id: `o${index}` }))
    const harness = underWay([...many, { id: 'join', after: many.map(({ id }) => id) }])
    expect(explain(harness, 'join').summary).toContain('o3 (ready) and 5 more')
  })
})

describe('an operator that is ready', () => {
  test.each<[BrokerState, readonly string[]]>([
    ['open', ['message_not_confirmed']],
    ['blocked', ['broker_blocked', 'message_not_confirmed']],
    ['connecting', ['broker_unreachable', 'message_not_confirmed']],
  ])('behind a broker that is %s', (broker, expected) => {
    expect(codes(explain(underWay(one()), 'fit', { broker }))).toEqual(expected)
  })
})

describe('an operator that is queued', () => {
  const harness = underWay(one())
  publish(harness, 'fit')
  const depth = (messages: number, consumers: number): Partial<Facts> => ({
    depthOf: (queue) => ({ queue, messages, consumers }),
  })

  test('waits among others', () => {
    expect(explain(harness, 'fit', depth(41, 2)).summary).toBe(
      'it waits in celeriac.local, for 0 s: 41 messages lie there, how many of them before it the broker does not say; 2 consumers (w1)',
    )
  })

  test('is with a worker that has not begun', () => {
    expect(codes(explain(harness, 'fit', depth(0, 2)))).toEqual(['handed_to_worker'])
  })

  test('waits for a worker that does not exist', () => {
    const { summary, next } = explain(harness, 'fit', depth(7, 0))
    expect(summary).toBe(
      'no worker consumes celeriac.local, the queue of the executor local; 7 messages lie there, and it has waited for 0 s',
    )
    expect(next).toBe('a worker of the executor local is started')
    explain(harness, 'fit', depth(7, 0))
  })

  test('is told of as far as is known when the broker does not answer', () => {
    expect(codes(explain(harness, 'fit', { depthOf: () => null, broker: 'connecting' }))).toEqual([
      'queue_unknown',
    ])
  })
})

describe('an operator that runs', () => {
  test('is guarded by its delivery', () => {
    const harness = underWay(one({ timeoutMs: 60_000 }))
    lease(harness, 'fit', false)
    const progress = { current: 3, total: 10, message: 'trees' }
    harness.send({ type: 'progressed', ordinal: 0, attempt: 1, progress })
    harness.now += 5_000
    const explanation = explain(harness, 'fit')
    expect(codes(explanation)).toEqual(['running', 'delivery', 'progress', 'time_limit'])
    expect(explanation.summary).toBe('it runs on w1 for 5 s, attempt 1')
    expect(explanation.reasons[2]?.message).toBe('it is at 3 of 10: trees')
    expect(explanation.reasons[3]?.message).toBe('it is stopped at its time limit, in 55 s')
  })

  test('is guarded by its lease', () => {
    const harness = underWay(one())
    lease(harness, 'fit', true)
    const leaseOf = () => ({ worker: 'w1', renewedAt: harness.now - 500, expiresAt: harness.now + 3_500 })
    const explanation = explain(harness, 'fit', { leaseOf })
    expect(explanation.reasons[1]?.message).toBe(
      'w1 renewed its lease of the attempt 0.5 s ago; it expires in 3.5 s unless it is renewed',
    )
    expect(codes(explain(harness, 'fit', { leaseOf: () => ({ ...leaseOf(), expiresAt: 1 }) }))[0]).toBe(
      'worker_silent',
    )
  })

  test('is being handed on when nobody renews its lease', () => {
    const harness = underWay(one())
    lease(harness, 'fit', true)
    const { summary, next } = explain(harness, 'fit', { workerSeenAt: () => harness.now - 6_000 })
    expect(summary).toBe('w1 was last heard of 6 s ago and renews no lease: the attempt is being handed on')
    expect(next).toBe('another worker gets it, within seconds')
    expect(explain(harness, 'fit', { canHear: false }).summary).toContain('heartbeats do not reach')
  })

  test('in a run that is being cancelled says until when', () => {
    const harness = underWay(one())
    harness.begin('fit')
    harness.send({ type: 'cancel_requested' })
    const explanation = explain(harness, 'fit')
    expect(codes(explanation)).toContain('run_cancelling')
    expect(explanation.reasons.at(-1)?.message).toContain('they are given up in 10 s')
  })

  test('says what became of earlier attempts', () => {
    const harness = underWay(one({ retry: { max: 2, backoffMs: 10 } }))
    lease(harness, 'fit', true)
    harness.send({ type: 'lease_expired', ordinal: 0, attempt: 1, worker: 'w1' })
    harness.fail('fit')
    harness.now += 100
    harness.send({ type: 'retry_due', ordinal: 0, attempt: 2 })
    const attempts = [
      {
        ordinal: 0,
        attempt: 2,
        attemptId: 'a',
        outcome: 'failed' as const,
        startedAt: 1,
        finishedAt: 2,
        worker: 'w1',
        error: { code: 'TASK_FAILED' as const, message: 'no' },
      },
    ]
    const explanation = explain(harness, 'fit', { attempts })
    expect(codes(explanation)).toEqual(['message_not_confirmed', 'worker_lost_before', 'retried'])
    expect(explanation.reasons[2]?.message).toBe('this is retry 1 of 2: attempt 2 failed (TASK_FAILED, no)')
  })
})

describe('an operator that waits for its retry', () => {
  test('says when and why', () => {
    const harness = underWay(one({ retry: { max: 3, backoffMs: 4_000 } }))
    harness.fail('fit')
    expect(explain(harness, 'fit').summary).toBe(
      'retry 1 of 3 is due at 1970-01-01T00:00:05.000Z, in 4 s, because attempt 1 failed: TASK_FAILED, no',
    )
    harness.now = 9_000
    expect(explain(harness, 'fit').summary).toContain('is due now')
  })
})

describe('an operator that has ended', () => {
  test('succeeded', () => {
    const harness = underWay(one())
    harness.succeed('fit')
    expect(explain(harness, 'fit')).toMatchObject({
      summary: 'attempt 1 succeeded after 0 s on w1',
      next: null,
    })
  })

  test('failed, with its retries used or of no use', () => {
    const plain = underWay(one())
    plain.fail('fit')
    expect(codes(explain(plain, 'fit'))).toEqual(['failed', 'no_retry_left'])
    expect(explain(plain, 'fit').summary).toBe('attempt 1 failed on w1: TASK_FAILED, no')
    const useless = underWay(one({ retry: { max: 2 } }))
    useless.fail('fit', false)
    expect(codes(explain(useless, 'fit'))).toEqual(['failed', 'not_retryable'])
  })

  test('failed because its workers were lost too often, whatever retries it has left', () => {
    const harness = underWay(one({ retry: { max: 2 } }))
    for (let attempt = 1; harness.task('fit').state !== 'failed'; attempt += 1) {
      lease(harness, 'fit', true)
      harness.send({ type: 'lease_expired', ordinal: 0, attempt, worker: 'w1' })
    }
    const explanation = explain(harness, 'fit')
    expect(codes(explanation)).toEqual(['failed', 'worker_lost_before'])
    expect(explanation.reasons[1]?.details).toEqual({ losses: maxWorkerLosses })
    // Its message was lost with workers, says the broker.
    const undelivered = underWay(one({ retry: { max: 2 } }))
    undelivered.fail('fit', false)
    const [task] = undelivered.run.tasks
    const tasks = [{ ...task!, error: { code: 'TASK_WORKER_LOST' as const, message: 'too often' } }]
    const run = { ...recordOf(undelivered), tasks }
    expect(codes(explain(undelivered, 'fit', { run }))).toEqual(['failed', 'worker_lost_before'])
  })

  test('failed by being revoked, which is tried again while there are retries', () => {
    const harness = underWay(one())
    publish(harness, 'fit')
    harness.send({ type: 'revoked', ordinal: 0, attempt: 1, reason: 'by hand' })
    expect(codes(explain(harness, 'fit'))).toEqual(['failed', 'no_retry_left'])
  })

  test('failed by what only a newer version has a code for', () => {
    const harness = underWay(one())
    harness.fail('fit')
    const [task] = harness.run.tasks
    const run = recordOf(harness)
    const error = { code: 'TASK_OF_TOMORROW' as never, message: 'no' }
    const tasks = [{ ...task!, error }]
    expect(codes(explain(harness, 'fit', { run: { ...run, tasks } }))).toEqual(['failed', 'no_retry_left'])
  })

  test('could not run because of what failed upstream, however far', () => {
    const harness = underWay([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'c', after: ['b'] }])
    harness.fail('a')
    const { summary, reasons } = explain(harness, 'c')
    expect(summary).toBe(
      'it cannot run, because b did not succeed; it began with a; it runs when all upstream operators have succeeded',
    )
    expect(reasons[0]?.details).toMatchObject({ operators: ['b'], roots: ['a'] })
    expect(explain(harness, 'b').summary).not.toContain('began')
  })

  test('was skipped, by itself or with others', () => {
    const harness = underWay(chain)
    harness.succeed('read', aResult({ skipped: 'nothing new' }))
    expect(explain(harness, 'read').summary).toBe('the operator chose to be skipped: nothing new')
    expect(explain(harness, 'split').summary).toContain('it was skipped, because read was')
  })

  test('was cancelled with its run', () => {
    const harness = underWay(chain)
    harness.send({ type: 'cancel_requested' })
    expect(explain(harness, 'split').summary).toBe(
      'the run was cancelled at 1970-01-01T00:00:01.000Z, before it had started',
    )
  })
})

test('what holds up the engine is said of every operator that has not ended', () => {
  const harness = underWay(one())
  const partition = {
    owner: 'scheduler-1',
    load: { backlog: 0, oldestEventAt: null, waitingSince: null, databaseAwaySince: harness.now - 4_000 },
    isSetAside: true,
  }
  expect(codes(explain(harness, 'fit', { partition }))).toEqual([
    'message_not_confirmed',
    'run_set_aside',
    'database_away',
  ])
})

test('every code has been told in these tests', () => {
  expect(Object.keys(reasonCodes).filter((code) => !told.has(code))).toEqual([])
})
