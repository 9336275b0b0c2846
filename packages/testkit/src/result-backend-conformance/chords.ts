import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChordPart, ChordProgress, ResultBackend } from '@celeriac/tasks'
import { aPart, aTaskId, someParts, waiting, type UseResultService } from './result-fixture.ts'

const kinds = (progresses: readonly ChordProgress[]): string[] => progresses.map(({ kind }) => kind)

async function addAll(backend: ResultBackend, parts: readonly ChordPart[]): Promise<ChordProgress[]> {
  const progresses: ChordProgress[] = []
  for (const part of parts) progresses.push(await backend.addChordPart(part))
  return progresses
}

export function exerciseChords(use: UseResultService): void {
  test('the last part of a header gets all parts, in the order of the header', async () => {
    const [one, two] = [await use().connect(), await use().connect()]
    const parts = someParts(3)
    const [first, second, third] = parts as [ChordPart, ChordPart, ChordPart]
    const { groupId } = first
    await one.setChordSize(groupId, 3)
    expect(await one.addChordPart(third)).toEqual({ kind: 'waiting', counted: 1, size: 3 })
    expect(await two.addChordPart(first)).toEqual({ kind: 'waiting', counted: 2, size: 3 })
    expect(await one.addChordPart(second)).toEqual({ kind: 'complete', parts })
  })

  test('values and errors of parts come back as they were', async () => {
    const backend = await use().connect()
    const groupId = randomUUID()
    const error = { exc_type: 'ValueError', exc_message: ['schlecht: "ä"', 1, null], exc_module: 'builtins' }
    const parts = [
      aPart({ groupId, groupIndex: 0, result: { a: [1, 2, { b: 'x, y: z' }] } }),
      aPart({ groupId, groupIndex: 1, state: 'FAILURE', result: error }),
      aPart({
        groupId,
        groupIndex: 2,
        state: 'REVOKED',
        result: { exc_type: 'TaskRevokedError', exc_message: ['revoked'], exc_module: 'celery.exceptions' },
      }),
      aPart({ groupId, groupIndex: 3, result: null }),
    ]
    await backend.setChordSize(groupId, parts.length)
    expect((await addAll(backend, parts)).at(-1)).toEqual({ kind: 'complete', parts })
  })

  test('a part counts once, however often and with whatever result it is repeated', async () => {
    const [one, two] = [await use().connect(), await use().connect()]
    const [first, second] = someParts(2) as [ChordPart, ChordPart]
    await one.setChordSize(first.groupId, 2)
    await addAll(one, [first, first])
    expect(await two.addChordPart({ ...first, state: 'FAILURE', result: 'other' })).toEqual({
      kind: 'waiting',
      counted: 1,
      size: 2,
    })
    expect(await two.addChordPart(second)).toEqual({ kind: 'complete', parts: [first, second] })
  })

  test('parts wait for the size, and members without a place come last', async () => {
    const backend = await use().connect()
    const groupId = randomUUID()
    const placed = aPart({ groupId, groupIndex: 0 })
    const added = aPart({ groupId })
    expect(await backend.addChordPart(added)).toEqual({ kind: 'waiting', counted: 1, size: null })
    await backend.setChordSize(groupId, 1)
    await backend.growChord(groupId, 1)
    expect(await backend.addChordPart(placed)).toEqual({ kind: 'complete', parts: [placed, added] })
  })

  test('members can be added before the size is known', async () => {
    const backend = await use().connect()
    const [first, second, third] = someParts(3) as [ChordPart, ChordPart, ChordPart]
    await backend.growChord(first.groupId, 1)
    await backend.growChord(first.groupId, 1)
    await backend.setChordSize(first.groupId, 1)
    expect(kinds(await addAll(backend, [first, second, third]))).toEqual(['waiting', 'waiting', 'complete'])
  })

  test('while one worker has the claim all others are told to come back, and it may ask again', async () => {
    const [one, two] = [await use().connect(), await use().connect()]
    const [first, second] = someParts(2) as [ChordPart, ChordPart]
    await one.setChordSize(first.groupId, 2)
    await addAll(one, [first, second])
    for (const [backend, part] of [
      [one, first],
      [two, first],
      [two, second],
    ] as const) {
      const progress = await backend.addChordPart(part)
      expect(progress.kind).toBe('claimed')
      expect(
        progress.kind === 'claimed' && progress.retryAfterMs > 0 && progress.retryAfterMs <= 10_000,
      ).toBe(true)
    }
    expect(await one.addChordPart(second)).toEqual({ kind: 'complete', parts: [first, second] })
  })

  test('the claim of a worker that died goes to the next that repeats a part', async () => {
    // Each claim lasts as long as its worker says: one for longer than this test, one is over at once.
    const [lasting, brief] = [await use().connect(), await use().connect({ chordLeaseMs: 1 })]
    const heir = await use().connect()
    const claimedBy = async (dead: ResultBackend): Promise<[ChordPart, ChordPart]> => {
      const parts = someParts(2) as [ChordPart, ChordPart]
      await dead.setChordSize(parts[0].groupId, 2)
      await addAll(dead, parts)
      await dead.stop()
      return parts
    }
    const [, held] = await claimedBy(lasting)
    expect((await heir.addChordPart(held)).kind).toBe('claimed')
    const [first, second] = await claimedBy(brief)
    await expect
      .poll(() => heir.addChordPart(second), waiting)
      .toEqual({ kind: 'complete', parts: [first, second] })
    expect((await heir.addChordPart(first)).kind).toBe('claimed')
  })

  test.each(['published', 'failed'] as const)(
    'once a chord has ended (%s) every part is late',
    async (outcome) => {
      const [one, two] = [await use().connect({ chordLeaseMs: 1 }), await use().connect({ chordLeaseMs: 1 })]
      const parts = someParts(2)
      const groupId = parts[0]?.groupId ?? ''
      await one.setChordSize(groupId, 2)
      await addAll(one, parts)
      await one.endChord(groupId, outcome)
      await one.endChord(groupId, outcome)
      // A publisher that was restarted says the size again, and its tasks run again.
      await two.setChordSize(groupId, 2)
      await two.growChord(groupId, 1)
      expect(kinds(await addAll(two, [...parts, aPart({ groupId })]))).toEqual(['ended', 'ended', 'ended'])
    },
  )

  test('chords do not know of each other', async () => {
    const backend = await use().connect()
    const [first, other] = [someParts(1), someParts(1)]
    for (const [part] of [first, other] as [ChordPart][]) await backend.setChordSize(part.groupId, 1)
    expect(kinds(await Promise.all([...first, ...other].map((part) => backend.addChordPart(part))))).toEqual([
      'complete',
      'complete',
    ])
  })

  test('of a header of 300 that many workers finish together exactly one gets the claim', async () => {
    const backends = await Promise.all([0, 1, 2].map(() => use().connect()))
    const parts = someParts(300)
    await backends[0]?.setChordSize(parts[0]?.groupId ?? '', parts.length)
    const progresses = await Promise.all(
      parts.flatMap((part, index) => [
        (backends[index % 3] as ResultBackend).addChordPart(part),
        (backends[(index + 1) % 3] as ResultBackend).addChordPart(part),
      ]),
    )
    const complete = progresses.filter(({ kind }) => kind === 'complete')
    expect(complete).toEqual([{ kind: 'complete', parts }])
  })

  test('whatever the order and the repetitions: the body is claimed once, when the last part is in', async () => {
    const backends = [await use().connect(), await use().connect()]
    const schedule = fc.integer({ min: 1, max: 6 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        steps: fc.array(fc.record({ part: fc.nat(size - 1), backend: fc.nat(1), isFailed: fc.boolean() }), {
          maxLength: 20,
        }),
        isSizeFirst: fc.boolean(),
      }),
    )
    await fc.assert(
      fc.asyncProperty(schedule, async ({ size, steps, isSizeFirst }) => {
        const groupId = randomUUID()
        const taskIds = Array.from({ length: size }, aTaskId)
        const [one] = backends as [ResultBackend]
        if (isSizeFirst) await one.setChordSize(groupId, size)
        const counted = new Set<number>()
        const claims: string[] = []
        const run = async (step: { part: number; backend: number; isFailed: boolean }): Promise<void> => {
          counted.add(step.part)
          const progress = await (backends[step.backend] as ResultBackend).addChordPart({
            groupId,
            taskId: taskIds[step.part] ?? '',
            groupIndex: step.part,
            state: step.isFailed ? 'FAILURE' : 'SUCCESS',
            result: step.isFailed ? 'bad' : 1,
          })
          // The holder may ask again and is told the same: one claim.
          if (progress.kind === 'complete') claims.push(`${step.backend}/${step.part}`)
          else if (counted.size < size) expect(progress.kind).toBe('waiting')
        }
        for (const step of steps.slice(0, -1))
          if (counted.size < size - 1 || counted.has(step.part)) await run(step)
        if (!isSizeFirst) await one.setChordSize(groupId, size)
        for (let part = 0; part < size; part++) await run({ part, backend: part % 2, isFailed: false })
        for (const step of steps) await run(step)
        expect(new Set(claims).size).toBe(1)
      }),
      { numRuns: 25 },
    )
  })
}
