import type { LogLine, OperatorAttempt } from '@celeriac/core'

/** Where the output of attempts goes. */
export interface LogSink {
  /** Takes lines of an attempt, in order. Must not throw and must not block. */
  append(attempt: OperatorAttempt, lines: readonly LogLine[]): void
  /**
   * Resolves when everything appended for the attempt can be read; no more lines follow. Never rejects: a log that
   * cannot be written does not change the outcome.
   */
  close(attempt: OperatorAttempt): Promise<void>
}

/** Forgets all output. */
export const noLogs: LogSink = { append: () => {}, close: () => Promise.resolve() }
