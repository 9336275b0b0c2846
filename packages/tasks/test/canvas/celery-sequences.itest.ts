/** `map`, `starmap` and `chunks`, alone and in other canvases, beside Celery's. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeFromDict, nodeToDict } from '../../src/canvas/node.ts'
import { planApply } from '../../src/canvas/plan.ts'
import { startCeleryOracle, type CeleryOracle } from './celery-oracle.ts'
import { canonical, countedIds } from './counted-ids.ts'
import { buildShape, chainShape, chordShape, groupShape, pipeShape, task, type Shape } from './shape.ts'
import { wireSteps } from './wire-steps.ts'

let celery: CeleryOracle
beforeAll(() => {
  celery = startCeleryOracle()
})
afterAll(() => celery.stop())

const replyTo = '0f0f0f0f-0000-3000-8000-000000000000'
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const map: Shape = { t: 'map', task: 't.a', it: [1, 'zwei', [3]] }
const starmap: Shape = { t: 'starmap', task: 't.b', it: [[1, 2], [], ['x']] }
const chunks: Shape = { t: 'chunks', task: 't.c', it: [[1], [2], [3], [4], [5]], n: 2 }
const errback = task('old.a')

const shapes: readonly (readonly [string, Shape])[] = [
  ['map', map],
  ['starmap', starmap],
  ['chunks', chunks],
  ['chunks of exactly one', { ...chunks, n: 5 }],
  [
    'map with options and links',
    { ...map, set: { priority: 3 }, link: [task('t.d')], link_error: [errback] },
  ],
  ['map before a task', chainShape(map, task('t.d'))],
  ['starmap after a task', pipeShape(task('t.d'), starmap)],
  ['a group of both', groupShape(map, starmap)],
  ['a chord of both', chordShape([map, starmap], task('t.d'))],
  ['map as a body', chordShape([task('t.d')], map)],
  ['chunks in a group', groupShape(chunks, task('t.d'))],
  ['chunks in a chain', chainShape(task('t.e'), chunks, task('t.d'))],
  ['chunks in a chord', chordShape([chunks, task('t.e')], task('t.d'))],
]

test.each(shapes)('%s has the dict that Celery gives it, and comes back from it', async (_, shape) => {
  const dict = buildShape(shape).toJSON()
  expect(canonical(json(dict))).toEqual(canonical(await celery.ask({ op: 'dict', shape })))
  expect(nodeToDict(nodeFromDict(json(dict) as never))).toEqual(json(dict))
  expect(canonical(json(dict))).toEqual(canonical(await celery.ask({ op: 'rebuild', shape })))
})

test.each(shapes)('%s is published as Celery publishes it', async (_, shape) => {
  const context = { newId: countedIds(), replyTo, current: null }
  const { steps, result } = planApply(buildShape(shape).toJSON(), {}, context)
  const mine = json({ steps: wireSteps(steps), result })
  expect(canonical(mine)).toEqual(canonical(await celery.ask({ op: 'apply', shape })))
})
