import fc from 'fast-check'
import type { OperatorChangeView, RunChangeView } from '@celeriac/contracts'
import {
  advance,
  applyAdvance,
  assembleRun,
  type EngineEvent,
  type OperatorTask,
  type Run,
  type RunRecord,
} from '@celeriac/core'
import { expect, test } from 'vitest'
import { ChangeInbox } from '../../src/live/change-inbox.ts'
import { operatorChangeOf, runChangeOf } from '../../src/live/changes.ts'
import { ToldRun, type RunNews } from '../../src/live/told-run.ts'
import { headOf, recordOf, taskOf } from './run-fixture.ts'

const ordinals = [0, 1, 2]
const ids = ['a', 'b', 'c']

/** What may happen to a run of three operators, reruns included. */
const step = fc.record({
  kind: fc.constantFrom('published', 'started', 'progressed', 'succeeded', 'failed', 'cancel', 'rerun'),
  ordinal: fc.constantFrom(...ordinals),
  percent: fc.integer({ min: 0, max: 100 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function eventOf({ kind, ordinal, percent }: Step, run: Run): EngineEvent {
  const { attempt } = run.tasks[ordinal]!
  const place = { ordinal, attempt, worker: 'w', startedAt: 1 }
  switch (kind) {
    case 'published':
      return { type: 'published', ordinal, attempt }
    case 'started':
      return { type: 'started', ...place, isLeased: false }
    case 'progressed':
      return { type: 'progressed', ordinal, attempt, progress: { current: percent, total: 100, message: '' } }
    case 'succeeded':
      return { type: 'succeeded', ...place, result: { outputs: {}, metrics: {}, compat: [] } }
    case 'failed':
      return { type: 'failed', ...place, failure: { code: 'TASK_FAILED', message: 'no' }, retryable: false }
    case 'cancel':
      return { type: 'cancel_requested' }
    case 'rerun':
      return { type: 'rerun_requested', from: 'failed', only: false }
  }
}

/** Each committed state of the run, the first one `queued`. */
function historyOf(steps: readonly Step[]) {
  const first = recordOf(
    headOf('queued', 1),
    ordinals.map((ordinal) => taskOf(ordinal)),
  )
  const run = assembleRun(first.head, first.plan, first.tasks)
  const history = [{ record: first, changed: [] as number[] }]
  let attempts = 0
  const apply = (event: EngineEvent): void => {
    const decision = advance(run, event, {
      now: 1_000 + history.length,
      draw: 0,
      newAttemptId: () => `attempt-${++attempts}`,
      cancelGraceMs: 1,
    })
    if (decision.kind !== 'applied') return
    applyAdvance(run, decision)
    const record = recordOf(run.head, [...run.tasks])
    history.push({ record, changed: decision.tasks.map(({ ordinal }) => ordinal) })
  }
  apply({ type: 'run_created' })
  for (const each of steps) apply(eventOf(each, run))
  return history
}

/** A client that merges events, and knows the history: nothing that it hears may be older than what it heard before. */
class Client {
  readonly #history: readonly RunRecord[]
  #runAt: number
  readonly #operatorsAt = new Map<string, number>()

  constructor(history: readonly RunRecord[], readAt: number) {
    this.#history = history
    this.#runAt = readAt
    for (const id of ids) this.#operatorsAt.set(id, readAt)
  }

  hear(news: readonly RunNews[]): void {
    for (const { event, data } of news) {
      if (event === 'run') {
        this.#runAt = this.#find(this.#runAt, ({ state, version }) => {
          return state === data.state && version === (data as RunChangeView).version
        })
        continue
      }
      const { id, state, attempt } = data as OperatorChangeView
      const at = this.#find(this.#operatorsAt.get(id)!, ({ tasks }) => {
        const task = tasks[ids.indexOf(id)]!
        return task.state === state && task.attempt === attempt
      })
      this.#operatorsAt.set(id, at)
    }
  }

  /** How it sees the run now. */
  get view() {
    const tasks = ids.map((id, ordinal) => this.#history[this.#operatorsAt.get(id)!]!.tasks[ordinal]!)
    return { run: this.#history[this.#runAt]!.version, tasks: tasks.map(placeOf) }
  }

  /** The first moment from `from` on that fits. */
  #find(from: number, fits: (record: RunRecord) => boolean): number {
    const at = this.#history.findIndex((record, index) => index >= from && fits(record))
    expect(at, 'the client is told something older than what it knows').toBeGreaterThanOrEqual(0)
    return at
  }
}

const placeOf = ({ state, attempt }: OperatorTask) => ({ state, attempt })

test('whatever broadcasts are lost, late or twice: a client never goes back, and a comparison makes it right', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.constantFrom('told', 'lost', 'twice', 'taken', 'compared'), { maxLength: 60 }),
      fc.nat(),
      (steps, fates, at) => {
        const history = historyOf(steps)
        // The snapshot is read in the middle; broadcasts of before are still on their way.
        const readAt = at % history.length
        const snapshot = history[readAt]!.record
        const told = new ToldRun(snapshot)
        const client = new Client(
          history.map(({ record }) => record),
          readAt,
        )
        const inbox = new ChangeInbox()
        const taken = (): void => client.hear(told.take(inbox.take()))
        for (const [index, { record, changed }] of history.entries()) {
          const fate = fates[index] ?? 'told'
          const changes = {
            run: runChangeOf(record.head),
            operators: changed.map((ordinal) => operatorChangeOf(ids[ordinal]!, record.tasks[ordinal]!)),
          }
          if (fate !== 'lost') inbox.put(changes)
          if (fate === 'twice') inbox.put(changes)
          if (fate === 'taken' || fate === 'compared') taken()
          if (fate === 'compared' && index >= readAt) client.hear(told.compare(record))
        }
        const last = history.at(-1)!.record
        taken()
        client.hear(told.compare(last))
        expect(client.view).toEqual({ run: last.version, tasks: last.tasks.map(placeOf) })
        expect(told.compare(last)).toEqual([])
      },
    ),
  )
})

test('without losses no comparison is needed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, at) => {
      const history = historyOf(steps)
      const readAt = at % history.length
      const told = new ToldRun(history[readAt]!.record)
      for (const { record, changed } of history)
        told.take({
          run: runChangeOf(record.head),
          operators: changed.map((ordinal) => ({
            version: record.version,
            change: operatorChangeOf(ids[ordinal]!, record.tasks[ordinal]!),
          })),
        })
      const differences = told
        .compare(history.at(-1)!.record)
        // Progress of before the snapshot may be told after it; it is put right within 15 seconds.
        .filter(({ event, data }) => event === 'run' || (data as { progress: unknown }).progress === null)
      expect(differences).toEqual([])
    }),
  )
})
