/** Members of one chord end on workers of Python Celery and of this package; its body is published once. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import {
  backendFromUrl,
  Decimal,
  encodeException,
  exceptionOf,
  type ChordPart,
  type ResultBackend,
  type TaskValue,
} from '../../src/index.ts'
import type { PythonPeer } from '../python/python-peer.ts'
import { startCeleryPeer, type CeleryPeer } from './celery-peer.ts'

let peer: CeleryPeer
let python: PythonPeer
let backend: ResultBackend
beforeAll(async () => {
  peer = await startCeleryPeer()
  ;({ python, backend } = peer)
})
afterAll(() => peer?.close())

const part = (groupId: string, groupIndex: number, over: Partial<ChordPart> = {}): ChordPart => ({
  groupId,
  taskId: `${groupId}-${groupIndex}`,
  groupIndex,
  state: 'SUCCESS',
  result: groupIndex,
  ...over,
})
/** The same member, ending on a Python worker. Gives the bodies that it publishes. */
const pythonPart = (
  groupId: string,
  groupIndex: number,
  over: object = {},
): Promise<{ id: string; args: unknown }[]> =>
  python.ask('part', {
    task_id: `${groupId}-${groupIndex}`,
    group: groupId,
    group_index: groupIndex,
    state: 'SUCCESS',
    result: groupIndex,
    ...over,
  })

test('members on both sides, the last one here: the body is claimed here once, with all values in order', async () => {
  const groupId = randomUUID()
  await python.ask('set_chord_size', { group_id: groupId, size: 4 })
  expect(await pythonPart(groupId, 3, { value: 'decimal' })).toEqual([])
  expect((await backend.addChordPart(part(groupId, 1))).kind).toBe('waiting')
  expect(await pythonPart(groupId, 0)).toEqual([])
  const progress = await backend.addChordPart(part(groupId, 2))
  expect(progress.kind === 'complete' && progress.parts.map(({ result }) => result)).toEqual([
    0,
    1,
    2,
    Decimal.parse('1.50'),
  ])
  // Members that are delivered again, to a worker of either kind, before and after the body was published.
  expect(await pythonPart(groupId, 0)).toEqual([])
  expect((await backend.addChordPart(part(groupId, 1))).kind).toBe('claimed')
  await backend.endChord(groupId, 'published')
  expect(await pythonPart(groupId, 3)).toEqual([])
  expect((await backend.addChordPart(part(groupId, 1))).kind).toBe('ended')
})

test('members on both sides, the last one on a Python worker: it publishes the body, and nobody here does', async () => {
  const groupId = randomUUID()
  await backend.setChordSize(groupId, 3)
  await backend.addChordPart(part(groupId, 2, { result: { rows: [1, 'zwei', null] } }))
  expect(await pythonPart(groupId, 0)).toEqual([])
  expect(await pythonPart(groupId, 1)).toEqual([
    { id: `body-of-${groupId}`, args: [[0, 1, { rows: [1, 'zwei', null] }]] },
  ])
  expect(await backend.addChordPart(part(groupId, 2))).toEqual({ kind: 'ended' })
})

test('a member counted here and repeated by a Python worker counts once there', async () => {
  const groupId = randomUUID()
  const result = { text: 'a, b: "c" ä', list: [1, [true, null]], 'an:odd key': -1.5 }
  await backend.setChordSize(groupId, 2)
  await backend.addChordPart(part(groupId, 0, { result }))
  expect(await pythonPart(groupId, 0, { result })).toEqual([])
  expect(await pythonPart(groupId, 1)).toEqual([{ id: `body-of-${groupId}`, args: [[result, 1]] }])
})

test('the claim of a worker of ours that died goes to a Python worker after the lease', async () => {
  // Claimed for longer than this test lasts, and for half a second.
  const [lasting, groupId] = [randomUUID(), randomUUID()]
  const patient = backendFromUrl(peer.redis.url, { keyPrefix: peer.redis.keyPrefix })
  await patient.start()
  onTestFinished(() => patient.stop())
  for (const [worker, chord] of [
    [patient, lasting],
    [backend, groupId],
  ] as const) {
    await worker.setChordSize(chord, 2)
    await pythonPart(chord, 0)
    expect((await worker.addChordPart(part(chord, 1))).kind).toBe('complete')
  }
  expect(await pythonPart(lasting, 1)).toEqual([])
  await expect
    .poll(() => pythonPart(groupId, 1), { timeout: 10_000, interval: 50 })
    .toEqual([{ id: `body-of-${groupId}`, args: [[0, 1]] }])
  expect(await backend.addChordPart(part(groupId, 1))).toEqual({ kind: 'ended' })
})

test('a failed member arrives on either side as the failure that it was', async () => {
  const [here, there] = [randomUUID(), randomUUID()]
  await backend.setChordSize(here, 2)
  await pythonPart(here, 0, { state: 'FAILURE', error: 'ValueError' })
  const progress = await backend.addChordPart(part(here, 1))
  expect(progress.kind === 'complete' && progress.parts[0]).toMatchObject({
    state: 'FAILURE',
    result: { exc_type: 'ValueError', exc_message: ['bad', 1], exc_module: 'builtins' },
  })
  await backend.setChordSize(there, 2)
  const failure = encodeException(new TypeError('wrong')) as unknown as TaskValue
  await backend.addChordPart(part(there, 0, { state: 'FAILURE', result: failure }))
  expect(await pythonPart(there, 1)).toEqual([])
  const body = (await backend.find([`body-of-${there}`])).get(`body-of-${there}`)
  expect(exceptionOf(body!)).toMatchObject({
    exc_type: 'ChordError',
    exc_message: [`Dependency ${there}-0 raised TypeError('wrong')`],
  })
})
