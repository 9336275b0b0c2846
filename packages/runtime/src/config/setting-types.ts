import { z } from 'zod'

/**
 * Types of settings. Flags and environment variables are texts, a configuration file holds JSON: each type takes both
 * forms and gives one.
 */

const integerText = /^[+-]?\d{1,15}$/
const truthy: ReadonlySet<unknown> = new Set([true, 'true', '1', 'yes', 'on'])
const falsy: ReadonlySet<unknown> = new Set([false, 'false', '0', 'no', 'off'])

const numberOf = (value: unknown): unknown =>
  typeof value === 'string' && integerText.test(value.trim()) ? Number(value) : value

const booleanOf = (value: unknown): unknown => {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (truthy.has(word)) return true
  return falsy.has(word) ? false : value
}

const listOf = (value: unknown): unknown =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    : value

export const textSetting = (): z.ZodType<string> => z.string().trim().min(1)

export const integerSetting = (range: { min: number; max: number }): z.ZodType<number> =>
  z.preprocess(
    numberOf,
    z.int({ error: 'must be a whole number' }).min(range.min).max(range.max),
  ) as z.ZodType<number>

/** true / false, 1 / 0, yes / no, on / off. */
export const booleanSetting = (): z.ZodType<boolean> =>
  z.preprocess(booleanOf, z.boolean({ error: 'must be true or false' })) as z.ZodType<boolean>

export const choiceSetting = <const T extends string>(choices: readonly T[]): z.ZodType<T> => z.enum(choices)

/** Comma separated text, or a list in the file. */
export const listSetting = (): z.ZodType<string[]> =>
  z.preprocess(listOf, z.array(z.string().min(1))) as z.ZodType<string[]>

const pairsOf = (value: unknown): unknown => {
  const items = listOf(value)
  if (!Array.isArray(items) || !items.every((item) => typeof item === 'string')) return items
  return Object.fromEntries(
    items.map((item) => {
      const [name = '', ...rest] = item.split('=')
      return [name.trim(), rest.join('=').trim()]
    }),
  )
}

/** `name=value` pairs separated by commas, a list of them (a repeated flag), or an object in the file. */
export const pairsSetting = (): z.ZodType<Record<string, string>> =>
  z.preprocess(
    pairsOf,
    z.record(z.string().min(1), z.string().min(1, { error: 'must be given as name=value' })),
  ) as z.ZodType<Record<string, string>>

/** An absolute URL of one of these schemes, e.g. `['amqp', 'amqps']`. */
export const urlSetting = (schemes: readonly string[]): z.ZodType<string> =>
  z
    .string()
    .trim()
    .refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)), {
      error: `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })

/** A prefix of names on the broker; may be empty. */
export const queuePrefixSetting = (): z.ZodType<string> =>
  z.string().regex(/^[\w.-]{0,64}$/, {
    error: 'must be up to 64 letters, digits, dots, dashes or underscores',
  })
