/** Tasks that call others, or give their place to others. */
import { chain, chord, group, signatureFromDict, type AnySignature, type Signature } from '@celeriac/tasks'
import { z } from 'zod'
import { anyValue, app, nameOf } from './app.ts'
import { fail, raiseError } from './failing-tasks.ts'
import { add, addend, identity, replacedWithMe, tsum, type Addend } from './plain-tasks.ts'
import { redisEcho, withRedis } from './redis-tasks.ts'

const pair = z.object({ x: z.number(), y: z.number() })
const anyArgs = z.tuple([]).rest(anyValue)

/** `add` with arguments in their order, as Python's `add.s(…)`; of numbers where that matters to the compiler. */
const addOf = (...args: Addend[]): Signature<never, number> =>
  add.signature<never>({ args }) as Signature<never, number>

app.task(nameOf('chain_add'), pair, async ({ x, y }) => {
  await app.apply(chain(addOf(x, x), addOf(y)))
  return null
})

app.task(nameOf('chord_add'), pair, async ({ x, y }) => {
  // As Python's: the body is given a list, and fails.
  await app.apply(chord([addOf(x, x)], addOf(y) as AnySignature as Signature<readonly [[number]]>))
  return null
})

/** Gives the result of the chain itself, not of its last step. */
app.task(nameOf('build_chain_inside_task'), z.object({}), async () => {
  const result = await app.apply(chain(addOf(1, 1), addOf(2), group(addOf(3), addOf(4)), addOf(5)))
  return result.toJSON()
})

app.task(nameOf('add_replaced'), pair, ({ x, y }, context) => context.replace(addOf(x, y)))

app.task(nameOf('fail_replaced'), anyArgs, (args, context) =>
  context.replace(fail.signature({ args }).immutable()),
)

const echoOf = (message: unknown): AnySignature =>
  typeof message === 'string' ? redisEcho.signature({ args: [message] }).immutable() : redisEcho.signature()

/** `*args, link_msg=None` */
const replacedChain = z.looseObject({ first: anyValue.optional(), link_msg: z.string().nullish() })

const identityOf = (first: z.output<typeof anyValue> | undefined): AnySignature =>
  identity.signature({ args: first === undefined ? [] : [first] })

app.task(nameOf('replace_with_chain'), replacedChain, ({ first, link_msg }, context) =>
  context.replace(
    chain(identityOf(first), identity.signature()).link(echoOf(link_msg) as Signature<readonly [unknown]>),
  ),
)

app.task(nameOf('replace_with_chain_which_raises'), replacedChain, ({ first, link_msg }, context) =>
  context.replace(chain(identityOf(first), raiseError.signature()).onError(echoOf(link_msg))),
)

app.task(nameOf('replace_with_empty_chain'), anyArgs, (_, context) => context.replace(chain()))

app.task(
  nameOf('replace_with_stamped_task'),
  z.object({ replace_with: anyValue.nullish() }),
  ({ replace_with: given }, context) => {
    const replacement = given === undefined || given === null ? replacedWithMe.si() : signatureFromDict(given)
    return context.replace(
      replacement.stamp({ onSignature: () => ({ StampOnReplace: 'This is the replaced task' }) }),
    )
  },
)

const numsAndValue = z.object({ nums: z.array(addend), val: addend })

app.task(nameOf('add_to_all'), numsAndValue, ({ nums, val }, context) =>
  context.replace(group(...nums.map((num) => addOf(num, val)))),
)

app.task(nameOf('add_to_all_to_chord'), numsAndValue, async ({ nums, val }, context) => {
  for (const num of nums) await context.addToChord(addOf(num, val))
  return 0
})

app.task(nameOf('add_chord_to_chord'), numsAndValue, async ({ nums, val }, context) => {
  await context.addToChord(chain(group(...nums.map((num) => addOf(num, val))), tsum.signature()))
  return 0
})

const state = z.object({ state: z.boolean().default(false) })
const echo = (message: string): Promise<number> => withRedis((redis) => redis.rpush('redis-echo', message))

const order2 = app.task(nameOf('second_order_replace2'), state, async ({ state: isBack }, context) => {
  await echo(isBack ? 'Out B' : 'In B')
  if (isBack) return null
  const again = app.signature(nameOf('second_order_replace2'), { kwargs: { state: true } }).immutable()
  return context.replace(chain(redisEcho.signature({ args: ['In/Out C'] }), again))
})

app.task(nameOf('second_order_replace1'), state, async ({ state: isBack }, context) => {
  await echo(isBack ? 'Out A' : 'In A')
  if (isBack) return null
  const again = app.signature(nameOf('second_order_replace1'), { kwargs: { state: true } }).immutable()
  return context.replace(chain(order2.signature(), again))
})
