const isoPattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d+)?)?)?)?)?$/

/**
 * A moment that came from Python. It is a Date like any other, and it remembers the text it was read from, so that what
 * only passes through goes back with its microseconds, its time zone or the lack of one.
 */
export class IsoDate extends Date {
  readonly #text: string
  readonly #at: number

  private constructor(at: number, text: string) {
    super(at)
    this.#at = at
    this.#text = text
  }

  /**
   * What `datetime.isoformat` writes; a text without a time zone is read as UTC, which Celery's own times are in.
   * Null for anything else, a day that does not exist included.
   */
  static fromText(text: string): IsoDate | null {
    const match = isoPattern.exec(text)
    if (match === null) return null
    const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = match
    const date = new Date(0)
    date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
    date.setUTCHours(
      Number(hour),
      Number(minute),
      Number(second),
      Number(fraction.padEnd(3, '0').slice(0, 3)),
    )
    const isReal =
      Number(year) > 0 &&
      date.getUTCDate() === Number(day) &&
      date.getUTCMonth() === Number(month) - 1 &&
      date.getUTCHours() === Number(hour) &&
      date.getUTCMinutes() === Number(minute) &&
      date.getUTCSeconds() === Number(second)
    return isReal ? new IsoDate(date.getTime() - offsetMs(zone), text) : null
  }

  /** The text it was read from; null once it has been changed. */
  get text(): string | null {
    return this.getTime() === this.#at ? this.#text : null
  }
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const [hours = '0', minutes = '0', seconds = '0'] = zone.slice(1).match(/\d{2}/g) ?? []
  const offset = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000
  return zone.startsWith('-') ? -offset : offset
}

/** The date in Python's words; null for one that Python cannot have (invalid, or outside of the years 1 … 9999). */
export function isoTextOf(date: Date): string | null {
  if (date instanceof IsoDate && date.text !== null) return date.text
  const year = date.getUTCFullYear()
  // Written without `Z`, which Python before 3.11 does not read.
  return year >= 1 && year <= 9_999 ? date.toISOString().replace(/(?:\.000)?Z$/, msToMicros) : null
}

const msToMicros = (end: string): string => (end === 'Z' ? '000+00:00' : '+00:00')
