import { expect, test } from 'vitest'
import { completeChord } from '../../src/canvas/complete-chord.ts'
import { planApply } from '../../src/canvas/plan.ts'
import { nodeToDict, taskNode } from '../../src/canvas/node.ts'
import { freezeSignature } from '../../src/canvas/replace.ts'
import { countedIds } from './counted-ids.ts'
import { buildShape, chordShape, groupShape, task, type Shape } from './shape.ts'

const taskNodeDict = (name: string) => nodeToDict(taskNode(name))
const context = () => ({ newId: countedIds(), replyTo: null, current: null })
const plan = (shape: Shape) => planApply(buildShape(shape).toJSON(), {}, context())

/** Its header is a chord with nothing for a body: it ends without telling anybody. */
const unheard = chordShape([chordShape([task('t.a')], groupShape())], task('t.b'))

test('a chord that no task of its header reports to is refused before anything is sent', () => {
  expect(() => plan(unheard)).toThrow(expect.objectContaining({ code: 'TASK_CANVAS_INVALID' }))
  expect(() => plan(chordShape([task('t.c')], unheard))).not.toThrow()
})

test('a chord whose body is nothing just runs its header, and one whose header is nothing its body', () => {
  const [header, ...rest] = plan(chordShape([task('t.a')], groupShape())).steps
  expect(header).toMatchObject({ kind: 'publish', call: { task: 't.a', chord: null } })
  expect(rest).toEqual([])
  expect(plan(chordShape([], task('t.b'))).steps).toMatchObject([
    { kind: 'publish', call: { task: 't.b', args: [[]] } },
  ])
})

test('a body that cannot be carried out fails with a ChordError under the id that is waited for', () => {
  const { signature, result } = freezeSignature(buildShape(unheard).toJSON(), context())
  const part = { groupId: 'g', taskId: 'm', groupIndex: 0, state: 'SUCCESS', result: 1 }
  const chord = { groupId: 'g', parts: [part], header: null, body: signature }
  const steps = completeChord(chord, { ...context(), newId: countedIds('11111111') }, () => false)
  expect(steps.filter(({ kind }) => kind === 'publish')).toEqual([])
  expect(steps).toContainEqual(
    expect.objectContaining({
      kind: 'store',
      taskId: result?.[0][0],
      state: 'FAILURE',
      result: expect.objectContaining({
        exc_type: 'ChordError',
        exc_message: [expect.stringContaining('no task of the header reports')],
      }) as unknown,
    }),
  )
  expect(steps.at(-1)).toEqual({ kind: 'end_chord', groupId: 'g', outcome: 'failed' })
})

test('an errback that the outer chord has too is left to it: it is called once', () => {
  const errback = (name: string) => ({ ...taskNodeDict(name), immutable: true })
  const outer = {
    ...taskNodeDict('t.outer'),
    options: { task_id: 'outer', link_error: [errback('t.shared')] },
  }
  const body = {
    ...taskNodeDict('t.inner'),
    options: {
      task_id: 'inner',
      group_id: 'outer-header',
      group_index: 0,
      chord: outer,
      link_error: [errback('t.shared'), errback('t.own')],
    },
  }
  const result = { exc_type: 'ValueError', exc_message: ['no'], exc_module: 'builtins' }
  const part = { groupId: 'g', taskId: 'm', groupIndex: 0, state: 'FAILURE', result }
  const steps = completeChord({ groupId: 'g', parts: [part], header: null, body }, context(), () => false)
  expect(steps.flatMap((step) => (step.kind === 'publish' ? [step.call.task] : []))).toEqual(['t.own'])
  expect(steps).toContainEqual(
    expect.objectContaining({
      kind: 'return_part',
      part: expect.objectContaining({
        groupId: 'outer-header',
        taskId: 'inner',
        state: 'FAILURE',
      }) as unknown,
    }),
  )
})
