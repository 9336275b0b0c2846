import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  advance,
  canRunMove,
  canTaskMove,
  isFinalRunState,
  isFinalTaskState,
  type EngineEvent,
  type OperatorTask,
} from '../src/index.ts'
import { aDag, aHistory } from './arbitraries.ts'
import { aResult, RunHarness } from './builders.ts'

function expectConsistent(harness: RunHarness): void {
  const { run } = harness
  const open = run.tasks.filter(({ state }) => !isFinalTaskState(state))
  expect(run.unfinished).toBe(open.length)
  if (run.head.state !== 'queued') expect(isFinalRunState(run.head.state)).toBe(open.length === 0)
  for (const task of run.tasks) {
    expect(task.finishedAt !== null).toBe(isFinalTaskState(task.state))
    expect(task.retryAt !== null).toBe(task.state === 'retry_wait')
    const { upstream } = run.plan.operators[task.ordinal]!
    expect(run.waitingFor[task.ordinal]).toBe(
      upstream.filter((up) => !isFinalTaskState(run.tasks[up]!.state)).length,
    )
  }
}

const expectLegalMove = (before: OperatorTask, after: OperatorTask, event: EngineEvent): void => {
  expect(after.attempt).toBeGreaterThanOrEqual(before.attempt)
  if (before.state === after.state) return
  // A rerun goes through `pending`, and may pass it within one decision.
  if (event.type === 'rerun_requested') expect(isFinalTaskState(before.state)).toBe(true)
  else expect(canTaskMove(before.state, after.state)).toBe(true)
}

test('whatever happens in whatever order: only legal moves, attempts never fall, final is absorbing without a rerun', () => {
  fc.assert(
    fc.property(aHistory, ([dag, events]) => {
      const harness = new RunHarness(dag)
      for (const event of [{ type: 'run_created' } as const, ...events]) {
        const before = { head: harness.run.head, tasks: [...harness.run.tasks] }
        harness.now += 7
        const result = harness.send(event)
        expect(result.kind).not.toBe('illegal')
        expectConsistent(harness)
        if (result.kind === 'ignored') {
          expect(harness.run.tasks).toEqual(before.tasks)
          continue
        }
        if (
          before.head.state !== harness.run.head.state &&
          event.type !== 'rerun_requested' &&
          event.type !== 'run_created'
        )
          expect(canRunMove(before.head.state, harness.run.head.state)).toBe(true)
        harness.run.tasks.forEach((task, ordinal) => expectLegalMove(before.tasks[ordinal]!, task, event))
      }
    }),
    { numRuns: 300 },
  )
})

test('the same event a second time changes nothing but is ignored, or is legal by itself (reruns)', () => {
  fc.assert(
    fc.property(aHistory, ([dag, events]) => {
      const harness = new RunHarness(dag).start()
      for (const event of events) {
        if (event.type === 'rerun_requested' || event.type === 'progressed' || event.type === 'message_lost')
          continue
        if (harness.send(event).kind === 'applied' && event.type !== 'started')
          expect(advance(harness.run, event, harness.ctx).kind).toBe('ignored')
      }
    }),
    { numRuns: 200 },
  )
})

test('every run ends once each attempt ends: no operator waits for ever, whatever the rules and failures', () => {
  fc.assert(
    fc.property(aDag, fc.infiniteStream(fc.boolean()), (dag, coins) => {
      const harness = new RunHarness(dag).start()
      for (let round = 0; round < 500 && !isFinalRunState(harness.run.head.state); round++) {
        const task = harness.run.tasks.find(({ state }) => state === 'ready' || state === 'retry_wait')!
        expect(task).toBeDefined()
        const { id } = harness.run.plan.operators[task.ordinal]!
        if (task.state === 'retry_wait')
          harness.send({ type: 'retry_due', ordinal: task.ordinal, attempt: task.attempt })
        else if (coins.next().value) harness.succeed(id)
        else harness.fail(id)
      }
      expect(isFinalRunState(harness.run.head.state)).toBe(true)
      const failed = harness.run.tasks.some(({ state }) => state === 'failed' || state === 'upstream_failed')
      expect(harness.run.head.state).toBe(failed ? 'failed' : 'succeeded')
    }),
    { numRuns: 300 },
  )
})

test('an operator runs only when its trigger rule allows it', () => {
  fc.assert(
    fc.property(aDag, fc.infiniteStream(fc.nat({ max: 9 })), (dag, coins) => {
      const harness = new RunHarness(dag).start()
      const next = (): number => coins.next().value as number
      for (let round = 0; round < 300 && !isFinalRunState(harness.run.head.state); round++) {
        for (const task of harness.run.tasks) {
          if (task.state !== 'ready') continue
          const { upstream, triggerRule } = harness.run.plan.operators[task.ordinal]!
          const states = upstream.map((up) => harness.run.tasks[up]!.state)
          if (triggerRule === 'all_success') expect(states.every((state) => state === 'succeeded')).toBe(true)
          if (triggerRule === 'all_done') expect(states.every(isFinalTaskState)).toBe(true)
          if (triggerRule === 'one_success' && upstream.length > 0) expect(states).toContain('succeeded')
          if (triggerRule === 'none_failed') expect(states.some((state) => state === 'failed')).toBe(false)
        }
        const open = harness.run.tasks.filter(({ state }) => state === 'ready' || state === 'retry_wait')
        const task = open[next() % open.length]!
        const { id } = harness.run.plan.operators[task.ordinal]!
        if (task.state === 'retry_wait')
          harness.send({ type: 'retry_due', ordinal: task.ordinal, attempt: task.attempt })
        else if (next() < 6) harness.succeed(id)
        else if (next() < 5) harness.succeed(id, aResult({ skipped: 'x' }))
        else harness.fail(id)
      }
    }),
    { numRuns: 200 },
  )
})
