import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate, countRuns, NotSucceeded } from './direct-evaluation.ts'
import { FakeCluster } from './interpreter.ts'
import { buildShape, type Shape } from './shape.ts'

const runs = Number(process.env['CELERIAC_PROPERTY_RUNS'] ?? 100)
const good = ['t.a', 't.b', 't.retry', 't.chain', 't.group', 't.chord'] as const
const bad = ['t.a', 't.b', 't.fail', 't.revoked'] as const

/**
 * Canvases whose value does not depend on how groups of one are treated: those are the one in a chain, but a list of one
 * elsewhere.
 */
function canvas(tasks: readonly string[]): fc.Arbitrary<Shape> {
  const { shape } = fc.letrec<{ shape: Shape; leaf: Shape; several: readonly Shape[] }>((tie) => ({
    leaf: fc.record({
      t: fc.constant('task' as const),
      task: fc.constantFrom(...tasks),
      args: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 1 }),
      immutable: fc.boolean(),
    }),
    several: fc.array(tie('shape'), { minLength: 2, maxLength: 3 }),
    shape: fc.oneof(
      { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
      { weight: 3, arbitrary: tie('leaf') },
      {
        weight: 2,
        arbitrary: fc.record({
          t: fc.constantFrom('chain' as const, 'raw_chain' as const),
          of: tie('several'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ t: fc.constant('group' as const), of: tie('several') }) },
      {
        weight: 2,
        arbitrary: fc.record({ t: fc.constant('chord' as const), of: tie('several'), body: tie('shape') }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ t: fc.constant('pipe' as const), of: fc.tuple(tie('shape'), tie('shape')) }),
      },
    ),
  }))
  return shape
}

/** Deliveries in an arbitrary order. */
const picks = fc.infiniteStream(fc.nat())
const pickFrom = (stream: Iterator<number>) => (count: number) => (stream.next().value as number) % count

function execute(shape: Shape, stream: Iterator<number>) {
  const cluster = new FakeCluster()
  const result = cluster.call(buildShape(shape).toJSON())
  if (result === null) throw new Error('the canvas is empty')
  cluster.drain(pickFrom(stream))
  return { cluster, result }
}

describe('a canvas carried out message by message, in any order of deliveries', { timeout: 60_000 }, () => {
  it('gives the value that its words mean, and runs every task once', () => {
    fc.assert(
      fc.property(canvas(good), picks, (shape, stream) => {
        const { cluster, result } = execute(shape, stream)
        expect(cluster.valueOf(result)).toEqual(evaluate(shape))
        expect([...cluster.ended.values()].every((times) => times === 1)).toBe(true)
        expect(cluster.ended.size).toBe(countRuns(shape))
      }),
      { numRuns: runs },
    )
  })

  it('calls the body of every chord once, when as many parts came in as its size said', () => {
    fc.assert(
      fc.property(canvas(good), picks, (shape, stream) => {
        const { cluster } = execute(shape, stream)
        for (const chord of cluster.chords.values()) {
          expect(chord.ended).toBe(1)
          expect(chord.parts.size).toBe(chord.size)
        }
      }),
      { numRuns: runs },
    )
  })

  it('ends every task that somebody waits for, and every chord that was begun, also when tasks fail', () => {
    fc.assert(
      fc.property(canvas(bad), picks, (shape, stream) => {
        const { cluster, result } = execute(shape, stream)
        const states = cluster.statusOf(result)
        expect(states).not.toContain('PENDING')
        expect(states.every((state) => state === 'SUCCESS')).toBe(succeeds(shape))
        for (const chord of cluster.chords.values()) expect(chord.ended).toBe(1)
        expect([...cluster.ended.values()].every((times) => times === 1)).toBe(true)
      }),
      { numRuns: runs },
    )
  })
})

function succeeds(shape: Shape): boolean {
  try {
    evaluate(shape)
    return true
  } catch (error) {
    if (error instanceof NotSucceeded) return false
    throw error
  }
}
