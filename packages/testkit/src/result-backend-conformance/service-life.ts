import { expect, test } from 'vitest'
import type { ChordPart } from '@celeriac/tasks'
import { aMeta, found, someParts, storeFor, waiting, type UseResultService } from './result-fixture.ts'

const unavailable = { code: expect.stringMatching(/^(?:STORE|BROKER)_UNAVAILABLE$/) as string }

export function exerciseServiceLife(use: UseResultService): void {
  test('starting and stopping twice is allowed, stopping before the start too', async () => {
    const backend = use().create()
    await backend.stop()
    const started = await use().connect()
    await started.start()
    await started.stop()
    await started.stop()
  })

  test('a backend that does not run says that it is unavailable', async () => {
    const stopped = await use().connect()
    await stopped.stop()
    for (const backend of [use().create(), stopped]) {
      await expect(backend.find(['x'])).rejects.toMatchObject(unavailable)
      await expect(backend.watch(['x'], () => undefined)).rejects.toMatchObject(unavailable)
    }
  })

  test('a watch says nothing after the backend was stopped', async () => {
    const [writer, reader, other] = [await use().connect(), await use().connect(), await use().connect()]
    const [meta, mark] = [aMeta(), aMeta()]
    let told = 0
    await reader.watch([meta.task_id], () => told++)
    await reader.stop()
    await storeFor(writer, other, meta, mark)
    await found(other, mark.task_id, 'SUCCESS')
    expect(told).toBe(0)
  })
}

/** For backends that keep things: they do not keep them for ever. */
export function exerciseExpiry(use: UseResultService): void {
  test('results, groups and chords expire', async () => {
    const backend = await use().connect({ resultExpiresMs: 1_000 })
    const meta = aMeta()
    const [part, later] = someParts(2) as [ChordPart, ChordPart]
    await storeFor(backend, backend, meta)
    await backend.setChordSize(part.groupId, 2)
    await backend.addChordPart(part)
    await backend.saveGroup(part.groupId, [[part.groupId, null], []])
    // What was written last is the last to go.
    const isGroupGone = async (): Promise<boolean> => {
      await backend.removeExpired()
      return (await backend.findGroup(part.groupId)) === null
    }
    await expect.poll(isGroupGone, waiting).toBe(true)
    expect(await backend.find([meta.task_id])).toEqual(new Map())
    expect(await backend.addChordPart(later)).toEqual({ kind: 'waiting', counted: 1, size: null })
  })

  test('what does not expire stays', async () => {
    const backend = await use().connect({ resultExpiresMs: null })
    const meta = aMeta()
    await storeFor(backend, backend, meta)
    await backend.removeExpired()
    expect((await backend.find([meta.task_id])).get(meta.task_id)).toEqual(meta)
    await backend.forget([meta.task_id])
  })
}
