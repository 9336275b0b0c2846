import { encodeOutcome, type AttemptRunner } from '@celeriac/contracts'
import { maxMessageBytes, type AttemptOutcome, type OutgoingMessage } from '@celeriac/core'
import type { Answer } from './intake.ts'

const keptTextChars = 4_096

/**
 * The result message of an outcome. What is too large for a message is cut down to one that fits: the sender must learn
 * that the attempt ended.
 */
export function outcomeMessage(
  answer: Answer,
  runner: AttemptRunner,
  outcome: AttemptOutcome,
): OutgoingMessage {
  const encode = (what: AttemptOutcome): OutgoingMessage =>
    encodeOutcome(answer.taskId, answer.replyTo, runner, what)
  const message = encode(outcome)
  return message.body.byteLength <= maxMessageBytes ? message : encode(shortened(outcome))
}

function shortened(outcome: AttemptOutcome): AttemptOutcome {
  switch (outcome.status) {
    case 'succeeded':
      return {
        status: 'failed',
        failure: {
          code: 'TASK_MALFORMED_RESULT',
          message: `the result of the operator is larger than ${maxMessageBytes} bytes; put data into its outputs`,
        },
        retryable: false,
      }
    case 'failed': {
      const { code, message, excType, traceback } = outcome.failure
      return {
        status: 'failed',
        failure: {
          code,
          message: message.slice(0, keptTextChars),
          ...(excType === undefined ? {} : { excType: excType.slice(0, 255) }),
          ...(traceback === undefined ? {} : { traceback: traceback.slice(-keptTextChars) }),
        },
        retryable: outcome.retryable,
      }
    }
    case 'revoked':
      return { status: 'revoked', reason: outcome.reason.slice(0, keptTextChars) }
  }
}
