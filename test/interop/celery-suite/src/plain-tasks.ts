/** Tasks that compute something, or wait. */
import { appendFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { SoftTimeLimitExceeded } from '@celeriac/tasks'
import { z } from 'zod'
import { anyValue, app, nameOf } from './app.ts'

const numbers = z.array(z.number())
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export const identity = app.task(nameOf('identity'), z.object({ x: anyValue }), ({ x }) => x)

/** What Python's `+` joins in these tests: numbers, texts, or lists. */
export const addend = z.union([z.number(), z.string(), z.array(anyValue)])
export type Addend = z.output<typeof addend>

function plus(x: Addend, y: Addend): Addend {
  if (typeof x === 'number' && typeof y === 'number') return x + y
  if (typeof x === 'string' && typeof y === 'string') return x + y
  if (typeof x === 'object' && typeof y === 'object') return [...x, ...y]
  throw new TypeError('unsupported operand type(s) for +')
}

const addends = z.object({ x: addend, y: addend, z: addend.nullish() })

const added = ({ x, y, z: third }: z.output<typeof addends>): Addend => {
  const sumOfTwo = plus(x, y)
  return third ? plus(sumOfTwo, third) : sumOfTwo
}

export const add = app.task(nameOf('add'), addends, added)

app.task(nameOf('mul'), z.object({ x: z.number(), y: z.number() }), ({ x, y }) => x * y)

app.task(nameOf('add_not_typed'), addends, added, { typing: false })

app.task(nameOf('add_ignore_result'), addends, added, {
  ignoreResult: true,
})

app.task(
  nameOf('write_to_file_and_return_int'),
  z.object({ file_name: z.string(), i: z.number() }),
  async ({ file_name, i }) => {
    await appendFile(file_name, `${i}\n`)
    return i
  },
)

export const tsum = app.task(nameOf('tsum'), z.object({ nums: numbers }), ({ nums }) => sum(nums))

app.task(nameOf('xsum'), z.object({ nums: z.array(z.union([z.number(), numbers])) }), ({ nums }) =>
  sum(nums.map((each) => (typeof each === 'number' ? each : sum(each)))),
)

const delayedSum = z.object({ numbers, pause_time: z.number().default(1) })

app.task(nameOf('delayed_sum'), delayedSum, async ({ numbers: values, pause_time }, { signal }) => {
  await delay(pause_time * 1_000, undefined, { signal })
  return sum(values)
})

app.task(
  nameOf('delayed_sum_with_soft_guard'),
  delayedSum,
  async ({ numbers: values, pause_time }, { signal }) => {
    try {
      await delay(pause_time * 1_000, undefined, { signal })
      return sum(values)
    } catch (error) {
      if (signal.reason instanceof SoftTimeLimitExceeded) return 0
      throw error
    }
  },
)

app.task(nameOf('sleeping'), z.looseObject({ i: z.number() }), ({ i }, { signal }) =>
  delay(i * 1_000, null, { signal }),
)

app.task(
  nameOf('print_unicode'),
  z.object({
    log_message: z.string().default('håå®ƒ valmuefrø'),
    print_message: z.string().default('hiöäüß'),
  }),
  ({ log_message, print_message }, { logger }) => {
    logger.warn({}, log_message)
    process.stdout.write(`${print_message}\n`)
    return null
  },
)

app.task(nameOf('return_exception'), z.object({ e: anyValue }), ({ e }) => [e, true])

export const replacedWithMe = app.task(nameOf('replaced_with_me'), z.object({}), () => true)

const modelled = z.object({ data: z.object({ x: z.int(), y: z.int() }) })

for (const name of ['add_pydantic', 'add_pydantic_string_annotations'])
  app.task(nameOf(name), modelled, ({ data }) => ({ result: data.x + data.y }))
