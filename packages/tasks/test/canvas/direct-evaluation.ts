import type { TaskValue } from '../../src/message/task-value.ts'
import type { Shape } from './shape.ts'

/** A task of the canvas did not succeed. */
export class NotSucceeded extends Error {}

/** The value of a canvas by the meaning of its words, without messages: what the interpreter has to arrive at. */
export function evaluate(shape: Shape, given: readonly TaskValue[] = []): TaskValue {
  switch (shape.t) {
    case 'task':
      return run(shape.task, [...(shape.immutable ? [] : given), ...(shape.args ?? [])])
    case 'chain':
    case 'raw_chain':
    case 'pipe':
      return inSequence(shape.of, given)
    case 'group':
      return flat(shape.of).map((member) => evaluate(member, given))
    case 'chord':
      return evaluate(shape.body, [flat(shape.of).map((member) => evaluate(member, given))])
    case 'map':
    case 'starmap':
    case 'chunks':
      throw new Error(`${shape.t} is not evaluated here`)
  }
}

function inSequence(steps: readonly Shape[], given: readonly TaskValue[]): TaskValue {
  const [first, ...rest] = steps
  if (first === undefined) throw new Error('an empty chain has no value')
  return rest.reduce((value, step) => evaluate(step, [value]), evaluate(first, given))
}

/** Groups in a group are dissolved. */
const flat = (members: readonly Shape[]): readonly Shape[] =>
  members.flatMap((member) => (member.t === 'group' ? flat(member.of) : [member]))

function run(task: string, args: readonly TaskValue[]): TaskValue {
  switch (task) {
    case 't.fail':
    case 't.revoked':
      throw new NotSucceeded()
    case 't.chain':
      return ['t.y', ['t.x', ...args]]
    case 't.chord':
      return [
        't.y',
        [
          't.x',
          [
            ['t.x', ...args],
            ['t.y', ...args],
          ],
        ],
      ]
    case 't.group':
      return [
        ['t.x', ...args],
        ['t.y', ...args],
      ]
    default:
      return [task, ...args]
  }
}

const runsOfReplaced: Readonly<Record<string, number>> = { 't.chain': 2, 't.group': 3, 't.chord': 4 }

/** How many tasks run, replacements and their collecting task counted, when none fails. */
export function countRuns(shape: Shape): number {
  switch (shape.t) {
    case 'task':
      return runsOfReplaced[shape.task] ?? 1
    case 'chord':
      return sum(shape.of) + countRuns(shape.body)
    case 'chain':
    case 'raw_chain':
    case 'pipe':
    case 'group':
      return sum(shape.of)
    case 'map':
    case 'starmap':
    case 'chunks':
      throw new Error(`${shape.t} is not evaluated here`)
  }
}

const sum = (shapes: readonly Shape[]): number => shapes.reduce((total, shape) => total + countRuns(shape), 0)
