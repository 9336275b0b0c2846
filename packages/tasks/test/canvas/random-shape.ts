import { isAppError } from '@celeriac/core'
import fc from 'fast-check'
import { buildShape, type Shape } from './shape.ts'

const letters = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const args = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 2 })

const leaf: fc.Arbitrary<Shape> = fc.record({
  t: fc.constant('task' as const),
  task: fc.constantFrom(...letters).map((letter) => `t.${letter}`),
  args,
  immutable: fc.boolean(),
})

interface ShapeOptions {
  /** Where callbacks, errbacks and options hang. @default 'nowhere' */
  readonly links?: 'nowhere' | 'on tasks' | 'anywhere'
  /** With chains that leave out the upgrades. @default true */
  readonly raw?: boolean
  readonly maxDepth?: number
}

/** Canvases of any nesting. */
export function anyShape(options: ShapeOptions = {}): fc.Arbitrary<Shape> {
  const { links = 'nowhere', raw = true, maxDepth = 4 } = options
  const plain = (shape: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> => shape
  const decorated = links === 'anywhere' ? withLinks : plain
  const { shape } = fc.letrec<{ shape: Shape; many: readonly Shape[]; some: readonly Shape[] }>((tie) => ({
    shape: fc.oneof(
      { maxDepth, depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: links === 'nowhere' ? leaf : withLinks(leaf) },
      { weight: 2, arbitrary: decorated(fc.record({ t: fc.constant('chain' as const), of: tie('some') })) },
      ...(raw
        ? [{ weight: 1, arbitrary: fc.record({ t: fc.constant('raw_chain' as const), of: tie('some') }) }]
        : []),
      { weight: 2, arbitrary: decorated(fc.record({ t: fc.constant('group' as const), of: tie('many') })) },
      {
        weight: 2,
        arbitrary: decorated(
          fc.record({ t: fc.constant('chord' as const), of: tie('some'), body: tie('shape') }),
        ),
      },
      {
        weight: 2,
        arbitrary: fc.record({ t: fc.constant('pipe' as const), of: fc.tuple(tie('shape'), tie('shape')) }),
      },
    ),
    many: fc
      .array(tie('shape'), { maxLength: 3 })
      .filter((members) => members.length === 0 || !members.every(isHollow)),
    some: fc.array(tie('shape'), { minLength: 1, maxLength: 3 }),
  }))
  return shape.filter(isBuildable)
}

/** Not everything composes: an empty group takes no callback. */
function isBuildable(shape: Shape): boolean {
  try {
    buildShape(shape)
    return true
  } catch (error) {
    if (isAppError(error) && error.code === 'TASK_CANVAS_INVALID') return false
    throw error
  }
}

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.option(
    arbitrary.map((one) => [one]),
    { nil: [], freq: 3 },
  )

const errback: fc.Arbitrary<Shape> = fc
  .constantFrom('old.a', 'old.b', 'new.a')
  .map((task) => ({ t: 'task', task }))
const setOptions = fc.constantFrom(
  { priority: 3 },
  { priority: 7, shadow: 'shade' },
  { expires: 30 },
  { reply_to: 'elsewhere' },
)

function withLinks(shape: fc.Arbitrary<Shape>): fc.Arbitrary<Shape> {
  return fc
    .tuple(shape, seldom(leaf), seldom(errback), seldom(setOptions))
    .map(([bare, link, link_error, [set]]) => ({
      ...bare,
      ...(link.length > 0 ? { link } : {}),
      ...(link_error.length > 0 ? { link_error } : {}),
      ...(set === undefined ? {} : { set }),
    }))
}

/** A group of nothing but empty groups, or of chains of such: Python takes it for something until it is sent. */
const isHollow = (shape: Shape): boolean =>
  (shape.t === 'group' || shape.t === 'chain' || shape.t === 'raw_chain') && shape.of.every(isHollow)
