import fc from 'fast-check'
import type { TaskValue } from '../../src/message/task-value.ts'
import {
  CalendarDate,
  ClockTime,
  Decimal,
  isTaggedValue,
  Uuid,
} from '../../src/serialization/tagged-values.ts'

const two = (number: number): string => String(number).padStart(2, '0')

/** Whole milliseconds within the years that Python knows. */
const dates = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
/** Whole numbers that are not safe come back as bigints, and -0 as 0. */
const isKept = (number: number): boolean =>
  !Object.is(number, -0) &&
  (Number.isSafeInteger(number) || !Number.isInteger(number) || Math.abs(number) >= 1e21)
export const numbers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter(isKept),
)
const bigints = fc
  .bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))
export const texts = fc.string({ unit: 'grapheme' })
const calendarDates = dates.map((date) => CalendarDate.parse(date.toISOString().slice(0, 10))!)
const times = fc
  .tuple(fc.nat(23), fc.nat(59), fc.nat(59))
  .map(([hour, minute, second]) => ClockTime.parse(`${two(hour)}:${two(minute)}:${two(second)}`)!)
const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(99_999))
  .map(([whole, fraction]) => Decimal.parse(`${whole}.${fraction}`)!)
const uuids = fc.uuid().map((text) => Uuid.parse(text)!)
const bytes = fc.uint8Array()

export const jsonLeaves: fc.Arbitrary<TaskValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  numbers,
  bigints,
  texts,
  dates,
  calendarDates,
  times,
  decimals,
  uuids,
  bytes,
)
/** What MessagePack has. */
export const msgpackLeaves: fc.Arbitrary<TaskValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  numbers,
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
  texts,
  bytes,
)
/** What YAML has. */
export const yamlLeaves: fc.Arbitrary<TaskValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  numbers,
  bigints,
  texts,
  dates,
  calendarDates,
  bytes,
)

export const nested = (leaves: fc.Arbitrary<TaskValue>): fc.Arbitrary<TaskValue> =>
  fc.letrec<{ value: TaskValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaves,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        texts.filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).value

/** For comparison: classes beside their texts. */
export function shape(value: TaskValue): unknown {
  if (Array.isArray(value)) return (value as readonly TaskValue[]).map(shape)
  if (value instanceof Date) return { date: value.getTime() }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (typeof value !== 'object' || value === null) return value
  if (isTaggedValue(value)) return { tag: value.tag, text: value.toString() }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shape(entry as TaskValue)]))
}
