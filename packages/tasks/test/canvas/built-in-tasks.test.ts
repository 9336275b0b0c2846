import { describe, expect, it } from 'vitest'
import { accumulate, planBuiltIn, sequenceCalls, unlockState } from '../../src/canvas/built-in-tasks.ts'
import type { CanvasPlan } from '../../src/canvas/canvas-step.ts'
import { chord, group, map, signature, starmap } from '../../src/canvas/signature.ts'
import type { ResultTuple } from '../../src/result/task-meta.ts'
import { countedIds } from './counted-ids.ts'

const context = () => ({ newId: countedIds(), replyTo: null, current: null })
const invalid = expect.objectContaining({ code: 'TASK_CANVAS_INVALID' }) as Error
const a = signature('t.a', [1])
const calls = ({ steps }: CanvasPlan) =>
  steps.flatMap((step) =>
    step.kind === 'publish' ? [[step.call.task, step.call.args, step.call.kwargs]] : [],
  )

describe('celery.map and celery.starmap', () => {
  const bare = signature<readonly never[]>('t.a')

  it('call the task with each item, or with the arguments that each item is', () => {
    const items = [[1, 2], [3]]
    expect(sequenceCalls('celery.map', map(bare, items as never).toJSON().kwargs)).toEqual({
      task: 't.a',
      calls: [[[1, 2]], [[3]]],
    })
    expect(sequenceCalls('celery.starmap', starmap(bare, items as never).toJSON().kwargs)).toEqual({
      task: 't.a',
      calls: [[1, 2], [3]],
    })
  })

  it.each([
    ['celery.map', { task: group(a, a).toJSON(), it: [] }],
    ['celery.map', { task: a.toJSON() }],
    ['celery.starmap', { task: a.toJSON(), it: [1] }],
    ['celery.starmap', { it: [] }],
  ] as const)('%s refuses what it cannot call', (name, kwargs) => {
    expect(() => sequenceCalls(name, kwargs)).toThrow(invalid)
  })
})

describe('celery.accumulate', () => {
  it('gives its arguments, or one of them', () => {
    expect(accumulate([1, 2], {})).toEqual([1, 2])
    expect(accumulate([1, 2], { index: null })).toEqual([1, 2])
    expect(accumulate([1, 2], { index: 0 })).toBe(1)
    expect(accumulate([1, 2], { index: -1 })).toBe(2)
    expect(() => accumulate([1, 2], { index: 2 })).toThrow(invalid)
  })
})

describe('a canvas that is called as a task', () => {
  it('celery.chunks publishes its parts, by position and by name', () => {
    const [task, it] = [a.toJSON(), [[1], [2], [3]]]
    const expected = [[[1], [2]], [[3]]].map((part) => ['celery.starmap', [], { task, it: part }])
    expect(calls(planBuiltIn('celery.chunks', [task, it, 2], {}, context()))).toEqual(expected)
    expect(calls(planBuiltIn('celery.chunks', [], { task, it, n: 2 }, context()))).toEqual(expected)
  })

  it.each([0, 1.5, '2', null])('celery.chunks refuses parts of %j', (n) => {
    expect(() => planBuiltIn('celery.chunks', [a.toJSON(), [[1]], n], {}, context())).toThrow(invalid)
  })

  it('celery.group publishes its members under the given id, with the partial arguments first', () => {
    const tasks = [a.toJSON(), signature('t.b', [2]).immutable().toJSON()]
    const plan = planBuiltIn('celery.group', [tasks, null, 'the-group', [7]], {}, context())
    expect(calls(plan)).toEqual([
      ['t.a', [7, 1], {}],
      ['t.b', [2], {}],
    ])
    expect(plan.steps.map((step) => step.kind === 'publish' && step.call.group)).toEqual([
      'the-group',
      'the-group',
    ])
  })

  it.each([
    ['a list', [a.toJSON()]],
    ['a group', group(a).toJSON()],
    ['a task', a.toJSON()],
  ])('celery.chord counts and publishes a header that is %s', (_, header) => {
    const plan = planBuiltIn('celery.chord', [], { header, body: signature('t.sum').toJSON() }, context())
    expect(plan.steps[0]).toMatchObject({ kind: 'set_chord_size', size: 1 })
    expect(calls(plan)).toEqual([['t.a', [1], {}]])
    expect(plan.steps[1]).toMatchObject({ call: { chord: { task: 't.sum' } } })
  })

  it.each([
    ['celery.group', { tasks: 'no list' }],
    ['celery.group', { tasks: [{ args: [] }] }],
    ['celery.chord', { header: [a.toJSON()] }],
    ['celery.chord', { header: [], body: 1 }],
  ] as const)('%s refuses what is no canvas', (name, kwargs) => {
    expect(() => planBuiltIn(name, [], kwargs, context())).toThrow(invalid)
  })

  it('a nested chord in the header is counted by what it reports', () => {
    const inner = chord([a, a], signature('t.sum')).toJSON()
    const plan = planBuiltIn(
      'celery.chord',
      [[inner, a.toJSON()], signature('t.end').toJSON()],
      {},
      context(),
    )
    const sizes = plan.steps.flatMap((step) => (step.kind === 'set_chord_size' ? [step.size] : []))
    expect(sizes).toEqual([2, 2])
  })
})

describe('celery.chord_unlock', () => {
  const results: readonly ResultTuple[] = [
    [['x', null], null],
    [['g', null], [[['y', null], null]]],
  ]
  const x = { status: 'SUCCESS', result: 1 }
  const y = { status: 'FAILURE', result: null }

  it('waits until every task of the header has ended, groups in it included', () => {
    expect(unlockState('the-group', results, new Map([['x', x]]))).toEqual({ kind: 'wait' })
  })

  it('then has the parts in the order of the header', () => {
    const found = new Map<string, { status: string; result: number | null }>([
      ['y', y],
      ['x', x],
    ])
    expect(unlockState('the-group', results, found)).toEqual({
      kind: 'complete',
      parts: [
        { groupId: 'the-group', taskId: 'x', groupIndex: 0, state: 'SUCCESS', result: 1 },
        { groupId: 'the-group', taskId: 'y', groupIndex: 1, state: 'FAILURE', result: null },
      ],
    })
  })
})
