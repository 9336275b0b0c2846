import { expect, test } from 'vitest'
import { CalendarDate, Decimal, Uuid, type TaskMeta, type TaskValue } from '@celeriac/tasks'
import {
  aMeta,
  aTaskId,
  failedMeta,
  found,
  startedMeta,
  storeFor,
  type UseResultService,
} from './result-fixture.ts'

const values: readonly (readonly [string, TaskValue])[] = [
  ['null', null],
  ['a text with NUL, quotes, newlines and half a surrogate pair', 'a\0"b\n\\c\ud800 训练'],
  ['nested lists and objects', [{ a: [1, [2.5, -0.25e-300]], 'b c': { __proto: null } }, [], {}, '']],
  ['an integer beyond 2^53', 2n ** 64n + 1n],
  ['a moment', new Date('2026-11-21T13:37:00.123Z')],
  ['bytes', new Uint8Array([0, 1, 254, 255])],
  [
    'a day, a decimal and a UUID',
    [
      CalendarDate.parse('2026-11-21'),
      Decimal.parse('1.50'),
      Uuid.parse('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    ],
  ],
]

export function exerciseStates(use: UseResultService): void {
  test('a task of which nothing is known is not found', async () => {
    const reader = await use().connect()
    expect(await reader.find([aTaskId(), aTaskId()])).toEqual(new Map())
    expect(await reader.find([])).toEqual(new Map())
  })

  test.each(values)('%s comes back as it was stored', async (_, result) => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const meta = aMeta({ result })
    await storeFor(writer, reader, meta)
    const { result: back } = await found(reader, meta.task_id, 'SUCCESS')
    expect(
      JSON.stringify(back, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    ).toBe(
      JSON.stringify(result, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    )
    expect(Object.prototype.toString.call(back)).toBe(Object.prototype.toString.call(result))
  })

  test('all that a worker says about a task is kept', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const meta: TaskMeta = aMeta({
      children: [
        [['child', null], null],
        [['group', [['parent', null], null]], [[['member', null], null]]],
      ],
      group_id: 'group-1',
      parent_id: 'parent-1',
      name: 'tasks.add',
      args: [1, 2],
      kwargs: { z: null },
      worker: 'w1@host',
      retries: 2,
      queue: 'celery',
      stamped_headers: ['tenant'],
      stamps: { tenant: ['acme'] },
    })
    await storeFor(writer, reader, meta)
    expect(await found(reader, meta.task_id, 'SUCCESS')).toEqual(meta)
  })

  test('what a worker does not say is absent', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const meta = aMeta({ group_id: null, parent_id: null })
    await storeFor(writer, reader, meta)
    expect(Object.keys(await found(reader, meta.task_id, 'SUCCESS')).toSorted()).toEqual([
      'children',
      'date_done',
      'result',
      'status',
      'task_id',
      'traceback',
    ])
  })

  test('the newest state is the one that is found', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const taskId = aTaskId()
    await storeFor(writer, reader, startedMeta(taskId))
    expect((await found(reader, taskId, 'STARTED')).result).toEqual({ pid: 7, hostname: 'w1@host' })
    await storeFor(writer, reader, failedMeta(taskId))
    expect(await found(reader, taskId, 'FAILURE')).toEqual(failedMeta(taskId))
  })

  test('a success is never overwritten, a failure is', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const taskId = aTaskId()
    await storeFor(writer, reader, failedMeta(taskId))
    await found(reader, taskId, 'FAILURE')
    await storeFor(writer, reader, aMeta({ task_id: taskId, result: 'first' }))
    await found(reader, taskId, 'SUCCESS')
    const mark = aMeta()
    await storeFor(writer, reader, aMeta({ task_id: taskId, result: 'second' }), failedMeta(taskId), mark)
    await found(reader, mark.task_id, 'SUCCESS')
    expect(await found(reader, taskId, 'SUCCESS')).toMatchObject({ result: 'first' })
  })

  test('an end is never hidden by a state of a repeated attempt', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const [taskId, mark] = [aTaskId(), aMeta()]
    await storeFor(writer, reader, failedMeta(taskId))
    await found(reader, taskId, 'FAILURE')
    const retried = { ...failedMeta(taskId), status: 'RETRY' }
    await storeFor(writer, reader, startedMeta(taskId), retried, mark)
    await found(reader, mark.task_id, 'SUCCESS')
    expect(await found(reader, taskId, 'FAILURE')).toEqual(failedMeta(taskId))
    await storeFor(writer, reader, startedMeta(taskId), aMeta({ task_id: taskId }))
    await found(reader, taskId, 'SUCCESS')
  })

  test('of writers that race the success stays, whoever comes last', async () => {
    const [one, two, reader] = [await use().connect(), await use().connect(), await use().connect()]
    const taskIds = Array.from({ length: 50 }, aTaskId)
    await Promise.all(
      taskIds.flatMap((taskId) => [
        storeFor(one, reader, startedMeta(taskId)),
        storeFor(two, reader, failedMeta(taskId)),
        storeFor(one, reader, aMeta({ task_id: taskId })),
        storeFor(two, reader, failedMeta(taskId)),
      ]),
    )
    for (const taskId of taskIds) await found(reader, taskId, 'SUCCESS')
  })

  test('of several states of a task in one call the last one counts, but a success stays', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const [first, second] = [aTaskId(), aTaskId()]
    await storeFor(
      writer,
      reader,
      startedMeta(first),
      aMeta({ task_id: second }),
      failedMeta(first),
      startedMeta(second),
    )
    await found(reader, first, 'FAILURE')
    await found(reader, second, 'SUCCESS')
  })

  test('a thousand results by many callers at once are all found', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const metas = Array.from({ length: 1_000 }, (_, result) => aMeta({ result }))
    await Promise.all(
      Array.from({ length: 100 }, (_, caller) =>
        storeFor(writer, reader, ...metas.slice(caller * 10, caller * 10 + 10)),
      ),
    )
    const taskIds = metas.map(({ task_id }) => task_id)
    await expect
      .poll(async () => (await reader.find(taskIds)).size, { timeout: 15_000, interval: 20 })
      .toBe(1_000)
    const results = await reader.find(taskIds)
    expect(metas.every(({ task_id, result }) => results.get(task_id)?.result === result)).toBe(true)
  })

  test('a task that was forgotten is not found any more', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const [gone, kept] = [aMeta(), aMeta()]
    await storeFor(writer, reader, gone, kept)
    await found(reader, gone.task_id, 'SUCCESS')
    await found(reader, kept.task_id, 'SUCCESS')
    await reader.forget([gone.task_id, aTaskId()])
    await reader.forget([])
    expect([...(await reader.find([gone.task_id, kept.task_id])).keys()]).toEqual([kept.task_id])
  })

  test('a value that cannot be sent fails its own call alone', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const good = aMeta()
    const bad = storeFor(writer, reader, aMeta({ result: Number.NaN }))
    await Promise.all([
      expect(bad).rejects.toMatchObject({ code: 'BROKER_MESSAGE_UNENCODABLE' }),
      storeFor(writer, reader, good),
    ])
    await found(reader, good.task_id, 'SUCCESS')
  })
}
