import { runChangesSchema, type OperatorChangeView, type RunChanges } from '@celeriac/contracts'
import { maxMessageBytes } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { operatorChangeOf, runChangeOf } from '../../src/live/changes.ts'
import { packRunChanges } from '../../src/live/pack-run-changes.ts'
import { headOf, taskOf } from './run-fixture.ts'

const changeOf = (id: string, metrics: Record<string, number>): OperatorChangeView => ({
  ...operatorChangeOf(id, taskOf(0)),
  metrics,
})
const metricsOf = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`度量_${index}_${'x'.repeat(50)}`, index]))
const runOf = (id: string, sizes: readonly number[]): RunChanges => ({
  run: { ...runChangeOf(headOf('running', 2)), id },
  operators: sizes.map((size, index) => changeOf(`${id}-${index}`, metricsOf(size))),
})

const unpack = (bodies: readonly Uint8Array[]): RunChanges[] =>
  bodies.flatMap((body) =>
    (JSON.parse(new TextDecoder().decode(body)) as { runs: unknown[] }).runs.map((run) =>
      runChangesSchema.parse(run),
    ),
  )

test('every change arrives, in order, in messages that the broker takes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.constantFrom(0, 1, 100, 700), { maxLength: 20 }), { maxLength: 6 }),
      (runs) => {
        const changes = runs.map((sizes, index) => runOf(`run-${index}`, sizes))
        const bodies = packRunChanges(changes)
        for (const body of bodies) expect(body.length).toBeLessThanOrEqual(maxMessageBytes)
        const arrived = unpack(bodies)
        expect([...new Set(arrived.map(({ run }) => run.id))]).toEqual(changes.map(({ run }) => run.id))
        expect(arrived.flatMap(({ operators }) => operators)).toEqual(
          changes.flatMap(({ operators }) => operators),
        )
        expect(arrived.some(({ partial }) => partial)).toBe(false)
      },
    ),
    { numRuns: 30 },
  )
})

test('a change that no message can hold is left out, and its run says so', () => {
  const [only, ...others] = unpack(packRunChanges([runOf('large', [1, 5_000, 2])]))
  expect(others).toEqual([])
  expect(only).toMatchObject({ partial: true, operators: [{ id: 'large-0' }, { id: 'large-2' }] })
})

test('nothing to tell is no message', () => {
  expect(packRunChanges([])).toEqual([])
})
