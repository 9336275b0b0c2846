import type { OperatorAttempt } from '@celeriac/core'
import { artifactLayout, createLogWriter, pathOf, type Logger, type LogWriter } from '@celeriac/runtime'
import { logFields, type LogSink } from '@celeriac/tasks'

/**
 * Writes the output of attempts to their log files below the artifact root of the run, where the API reads it. The root
 * comes with the attempt: schedulers decide where artifacts lie.
 */
export function createArtifactLogs(logger: Logger): LogSink {
  const writers = new Map<string, LogWriter>()
  const open = (attempt: OperatorAttempt): LogWriter => {
    let isReported = false
    const writer = createLogWriter({
      path: pathOf(artifactLayout(attempt.artifactRoot).logUri(attempt)),
      onError: (err) => {
        // A full disk fails every write, and an operator may print without end.
        if (!isReported)
          logger.error({ ...logFields(attempt), err }, 'the log of an attempt could not be written')
        isReported = true
      },
    })
    writers.set(attempt.attemptId, writer)
    return writer
  }
  return {
    append: (attempt, lines) => {
      try {
        const writer = writers.get(attempt.attemptId) ?? open(attempt)
        writer.append(lines)
      } catch (err) {
        // An artifact root on a remote store has no log files; the output is lost, the attempt is not.
        logger.error({ ...logFields(attempt), err }, 'the log of an attempt has no place')
      }
    },
    close: async (attempt) => {
      const writer = writers.get(attempt.attemptId)
      writers.delete(attempt.attemptId)
      await writer?.close()
    },
  }
}
