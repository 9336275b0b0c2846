import { expect, test } from 'vitest'
import {
  aMeta,
  aTaskId,
  failedMeta,
  found,
  startedMeta,
  storeFor,
  waiting,
  watched,
  type UseResultService,
} from './result-fixture.ts'

export function exerciseWatching(use: UseResultService): void {
  test('a state that is known already is told first', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const taskId = aTaskId()
    await storeFor(writer, reader, startedMeta(taskId))
    await found(reader, taskId, 'STARTED')
    const watch = await watched(reader, [taskId])
    expect(watch.metas[0]).toEqual(startedMeta(taskId))
    await storeFor(writer, reader, aMeta({ task_id: taskId }))
    await expect.poll(() => watch.states().at(-1), waiting).toBe('SUCCESS')
  })

  test('a final state is told once, and ends the watch', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const [taskId, mark] = [aTaskId(), aTaskId()]
    const watch = await watched(reader, [taskId, mark])
    await storeFor(writer, reader, failedMeta(taskId))
    await expect.poll(watch.states, waiting).toEqual(['FAILURE'])
    await storeFor(writer, reader, aMeta({ task_id: taskId }), aMeta({ task_id: mark }))
    await expect.poll(() => watch.metas.at(-1)?.task_id, waiting).toBe(mark)
    expect(watch.states()).toEqual(['FAILURE', 'SUCCESS'])
  })

  test('everyone who watches a task is told, until he stops', async () => {
    const [writer, reader, other] = [await use().connect(), await use().connect(), await use().connect()]
    const isShared = reader.replyTo === null
    const [taskId, mark] = [aTaskId(), aTaskId()]
    const watches = [
      await watched(reader, [taskId]),
      await watched(reader, [taskId, mark]),
      await watched(isShared ? other : reader, [taskId]),
    ]
    const removed = await watched(reader, [taskId])
    removed.remove()
    removed.remove()
    await storeFor(writer, reader, aMeta({ task_id: taskId }), aMeta({ task_id: mark }))
    for (const watch of watches)
      await expect.poll(() => watch.metas.some(({ task_id }) => task_id === taskId), waiting).toBe(true)
    await expect.poll(() => watches[1]?.metas.length, waiting).toBe(2)
    expect(removed.metas).toEqual([])
  })

  test('a task can be watched again after its end, and by a listener that is there already', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const meta = aMeta()
    await storeFor(writer, reader, meta)
    await found(reader, meta.task_id, 'SUCCESS')
    let told = 0
    const listener = (): void => void told++
    for (let watch = 0; watch < 2; watch++) await reader.watch([meta.task_id], listener)
    await expect.poll(() => told, waiting).toBe(2)
  })

  test('two thousand tasks watched at once are all told', async () => {
    const [writer, reader] = [await use().connect(), await use().connect()]
    const metas = Array.from({ length: 2_000 }, (_, result) => aMeta({ result }))
    await storeFor(writer, reader, ...metas.slice(0, 500))
    const watch = await watched(
      reader,
      metas.map(({ task_id }) => task_id),
    )
    for (let from = 500; from < metas.length; from += 500)
      await storeFor(writer, reader, ...metas.slice(from, from + 500))
    await expect.poll(() => watch.metas.length, waiting).toBe(2_000)
    expect(new Set(watch.metas.map(({ task_id }) => task_id)).size).toBe(2_000)
  })
}
