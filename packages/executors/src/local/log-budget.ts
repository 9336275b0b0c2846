import type { Clock, LogLine } from '@celeriac/core'
import type { RawLine } from './line-splitter.ts'

export interface LogLimits {
  /** Longer lines are cut. @default 16 KiB */
  readonly lineBytes: number
  /** Output of one attempt beyond this is dropped. @default 16 MiB */
  readonly attemptBytes: number
  /** Lines per second beyond which lines are dropped, once the burst is used up. @default 5,000 */
  readonly linesPerSecond: number
  /** Lines that may come at once. @default 20,000 */
  readonly burstLines: number
}

export const defaultLogLimits: LogLimits = {
  lineBytes: 16_384,
  attemptBytes: 16 * 1_048_576,
  linesPerSecond: 5_000,
  burstLines: 20_000,
}

/**
 * Keeps the log of one attempt within its limits: too long, too fast and too much output is left out, and lines of the
 * stream `system` say so. Reading from the process never stops: an operator must not block on its own print.
 */
export class LogBudget {
  readonly #limits: LogLimits
  readonly #clock: Clock
  #bytesLeft: number
  #tokens: number
  #refilledAt: number
  #dropped = 0
  #isExhausted = false

  constructor(limits: LogLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#bytesLeft = limits.attemptBytes
    this.#tokens = limits.burstLines
    this.#refilledAt = clock.now()
  }

  /** The log lines to keep for a line of output: none, the line itself, or the line with a remark. */
  admit(line: RawLine, stream: 'stdout' | 'stderr'): readonly LogLine[] {
    const at = this.#clock.now()
    if (this.#isExhausted) return this.#drop()
    this.#refill(at)
    if (this.#tokens < 1) return this.#drop()
    this.#tokens -= 1
    const remarks = this.#remarkOnDropped(at)
    if (line.bytes.length > this.#bytesLeft) {
      this.#isExhausted = true
      this.#dropped = 1
      const text = `log truncated: the attempt wrote more than ${this.#limits.attemptBytes} bytes`
      return [...remarks, { at, stream: 'system', text }]
    }
    this.#bytesLeft -= line.bytes.length
    return [...remarks, { at, stream, text: textOf(line) }]
  }

  /** The last remark, when output was dropped since the last one. */
  close(): readonly LogLine[] {
    return this.#remarkOnDropped(this.#clock.now())
  }

  #refill(at: number): void {
    const elapsedS = Math.max(0, at - this.#refilledAt) / 1_000
    this.#tokens = Math.min(this.#limits.burstLines, this.#tokens + elapsedS * this.#limits.linesPerSecond)
    this.#refilledAt = at
  }

  #drop(): readonly LogLine[] {
    this.#dropped += 1
    return []
  }

  #remarkOnDropped(at: number): readonly LogLine[] {
    if (this.#dropped === 0) return []
    const why = this.#isExhausted ? 'size' : `rate (${this.#limits.linesPerSecond} lines per second)`
    const text = `log truncated: ${this.#dropped} lines left out, over the ${why} limit`
    this.#dropped = 0
    return [{ at, stream: 'system', text }]
  }
}

/** Text of a line: invalid UTF-8 replaced, and of a line that a progress bar redraws by `\r` only the last state. */
function textOf(line: RawLine): string {
  const text = line.bytes.toString('utf8')
  if (line.omitted > 0) return `${text} … [${line.omitted} bytes left out]`
  const drawn = text.lastIndexOf('\r')
  return drawn === -1 ? text : text.slice(drawn + 1)
}
