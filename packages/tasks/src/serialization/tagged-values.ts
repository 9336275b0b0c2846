import type { TaggedValue } from '../message/task-value.ts'

/** A tagged value by the text that Python gives it. `parse` of its class makes it; null for another text. */
abstract class TextValue {
  readonly #text: string

  protected constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }
}

/** Python's `date`: a day of the calendar, `2026-11-21`. */
export class CalendarDate extends TextValue implements TaggedValue {
  readonly tag = 'date'

  static parse(text: string): CalendarDate | null {
    const match = /^\d{4}-\d{2}-\d{2}/.exec(text)
    if (match === null) return null
    const time = Date.parse(`${match[0]}T00:00:00Z`)
    const isReal = !Number.isNaN(time) && new Date(time).toISOString().startsWith(match[0])
    return isReal ? new CalendarDate(match[0]) : null
  }
}

/** Python's `time`: a time of day, `13:37:00.000001+02:00`. */
export class ClockTime extends TextValue implements TaggedValue {
  readonly tag = 'time'

  static parse(text: string): ClockTime | null {
    const pattern = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$/
    return pattern.test(text) ? new ClockTime(text) : null
  }
}

/** Python's `Decimal`, exactly as it was written: `1.50`, `1E+3`, `NaN`. */
export class Decimal extends TextValue implements TaggedValue {
  readonly tag = 'decimal'

  static parse(text: string): Decimal | null {
    const pattern = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|s?nan\d*)$/i
    return pattern.test(text) ? new Decimal(text) : null
  }
}

/** Python's `UUID`, in its usual form with hyphens. */
export class Uuid extends TextValue implements TaggedValue {
  readonly tag = 'uuid'

  /** With or without hyphens. */
  static parse(text: string): Uuid | null {
    const hex = text.replaceAll('-', '').toLowerCase()
    if (!/^[0-9a-f]{32}$/.test(hex)) return null
    return new Uuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
  }
}

export const isTaggedValue = (value: unknown): value is TaggedValue =>
  value instanceof CalendarDate ||
  value instanceof ClockTime ||
  value instanceof Decimal ||
  value instanceof Uuid
