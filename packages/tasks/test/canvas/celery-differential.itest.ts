import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeFromDict, nodeToDict } from '../../src/canvas/node.ts'
import { planApply } from '../../src/canvas/plan.ts'
import { freezeSignature } from '../../src/canvas/replace.ts'
import { startCeleryOracle, type CeleryOracle } from './celery-oracle.ts'
import { canonical, countedIds } from './counted-ids.ts'
import { isComposed, isComposedInside } from './composed.ts'
import { anyShape } from './random-shape.ts'
import { buildShape, type Shape } from './shape.ts'
import { wireSteps } from './wire-steps.ts'

const replyTo = '0f0f0f0f-0000-3000-8000-000000000000'
const runs = Number(process.env['CELERIAC_PROPERTY_RUNS'] ?? 120)

describe('a canvas of any shape', () => {
  let celery: CeleryOracle
  beforeAll(() => {
    celery = startCeleryOracle()
  })
  afterAll(() => celery.stop())

  const withOrWithoutLinks = (options = {}) =>
    fc.oneof(anyShape(options), anyShape({ links: 'anywhere', ...options }))
  const context = () => ({ newId: countedIds(), replyTo, current: null })
  const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

  const compare = async (
    arbitrary: fc.Arbitrary<Shape>,
    ours: (shape: Shape) => unknown,
    request: object,
  ): Promise<void> => {
    let compared = 0
    await fc.assert(
      fc.asyncProperty(arbitrary, async (shape) => {
        const theirs = await celery.ask({ ...request, shape })
        let mine: unknown
        try {
          mine = json(ours(shape))
        } catch (error) {
          mine = { error: error }
        }
        // What Celery cannot build, freeze or send need not be possible here either.
        if (typeof theirs === 'object' && theirs !== null && 'error' in theirs) return
        expect(canonical(mine)).toEqual(canonical(theirs))
        compared++
      }),
      { numRuns: runs },
    )
    expect(compared).toBeGreaterThan(runs / 2)
  }

  it('has the dict that Celery gives it', async () => {
    await compare(withOrWithoutLinks(), (shape) => buildShape(shape).toJSON(), { op: 'dict' })
  })

  it('gets the ids, in its dict and in its result, that Celery gives it', async () => {
    await compare(
      withOrWithoutLinks({ raw: false }).filter((shape) => isComposed(buildShape(shape).node)),
      (shape) => {
        const { signature, result } = freezeSignature(buildShape(shape).toJSON(), context())
        return { dict: signature, result }
      },
      { op: 'freeze' },
    )
  })

  it('is published as Celery publishes it', async () => {
    await compare(
      withOrWithoutLinks().filter((shape) => isComposedInside(buildShape(shape).node)),
      (shape) => {
        const { steps, result } = planApply(buildShape(shape).toJSON(), {}, context())
        return { steps: wireSteps(steps), result }
      },
      { op: 'apply' },
    )
  })

  it('is published as Celery publishes it when it is called with arguments and options', async () => {
    const call = { args: [7], options: { priority: 4, countdown: 3 } }
    await compare(
      withOrWithoutLinks({ raw: false }).filter((shape) => isComposed(buildShape(shape).node)),
      (shape) => {
        const { steps, result } = planApply(buildShape(shape).toJSON(), call, context())
        return { steps: wireSteps(steps), result }
      },
      { op: 'apply', ...call },
    )
  })

  it('is stamped by a visitor as Celery stamps it', async () => {
    // An errback of a composite is one object on all of its tasks in Celery, and collects the stamps of each.
    const visited = anyShape({ links: 'on tasks' }).map((shape) => ({ ...shape, visit: true }))
    await compare(visited, (shape) => buildShape(shape).toJSON(), { op: 'dict' })
  })

  it('is stamped with values as Celery stamps it, but for the bodies of chords', async () => {
    const stamped = anyShape({ links: 'on tasks' })
      .filter((shape) => !JSON.stringify(buildShape(shape)).includes('celery.chord'))
      .map((shape) => ({ ...shape, stamp: { on: 'mine', lot: [1] }, visit: true }))
    await compare(stamped, (shape) => buildShape(shape).toJSON(), { op: 'dict' })
  })

  it('comes back from its dict as itself', () => {
    fc.assert(
      fc.property(anyShape({ links: 'anywhere' }), (shape) => {
        const dict = buildShape(shape).toJSON()
        expect(nodeToDict(nodeFromDict(json(dict) as never))).toEqual(json(dict))
      }),
    )
  })
})
