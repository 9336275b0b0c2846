import { expect, test } from 'vitest'
import { afterFailure } from '../../src/canvas/after-task.ts'
import type { SignatureDict } from '../../src/canvas/signature-dict.ts'
import { aTaskCall } from '../message/a-task-call.ts'
import { countedIds } from './counted-ids.ts'

const errback = (task: string): SignatureDict => ({
  task,
  args: [],
  kwargs: { task_id: 'id-1' },
  options: { exchange: 'celeriac.answers', routing_key: 'celeriac.events.3' },
  subtask_type: null,
  immutable: false,
})
const exception = { exc_type: 'ValueError', exc_message: ['bad', 1], exc_module: 'builtins' }

/** What is published when a task with these errbacks fails. */
function publishedBy(names: readonly string[], traceback: string | null = 'at …', failure = exception) {
  const call = aTaskCall({ errbacks: names.map(errback) })
  const context = { newId: countedIds(), replyTo: null }
  const ended = { call, children: [], storesResult: true, priority: null }
  return afterFailure(ended, { exception: failure, traceback }, context, () => false).flatMap((step) =>
    step.kind === 'publish' ? [step] : [],
  )
}

test("the engine's errback is told why, beyond the id that others are told", () => {
  const [engine, other, ...rest] = publishedBy(['t.other', 'celeriac.task_failed'])
  expect(engine).toMatchObject({
    call: {
      task: 'celeriac.task_failed',
      args: ['id-1'],
      kwargs: { task_id: 'id-1', exception, traceback: 'at …' },
      parentId: 'id-1',
      rootId: 'id-1',
      group: null,
    },
    delivery: { exchange: 'celeriac.answers', routing_key: 'celeriac.events.3' },
  })
  expect(other?.call).toMatchObject({ task: 't.other', args: ['id-1'], kwargs: { task_id: 'id-1' } })
  expect(other?.call.kwargs).not.toHaveProperty('exception')
  expect(rest).toEqual([])
})

test('an error that is too long for a message is cut; of a traceback its end is kept', () => {
  const long = { ...exception, exc_message: ['x'.repeat(20_000)] }
  const [engine] = publishedBy(['celeriac.task_failed'], `${'y'.repeat(20_000)}end`, long)
  expect(engine?.call.kwargs).toMatchObject({
    exception: { exc_type: 'ValueError', exc_message: `${'x'.repeat(16_384)}…` },
    traceback: `${'y'.repeat(16_381)}end`,
  })
})
