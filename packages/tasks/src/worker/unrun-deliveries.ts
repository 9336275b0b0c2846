import { parkMalformed, type Topology } from '@celeriac/broker'
import { messageOf, type AttemptOutcome, type Broker, type Delivery } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'
import type { Answer, Intake } from './intake.ts'
import { outcomeMessage } from './outcome-message.ts'
import type { ResultPublisher } from './result-publisher.ts'

export interface UnrunDeps {
  readonly broker: Broker
  readonly topology: Topology
  readonly publisher: ResultPublisher
  readonly worker: string
  readonly logger: Logger
}

/** Tells an outcome of which the delivery is the occasion only, and acks it. `about`: how the log names the attempt. */
export async function answerDelivery(
  { publisher, worker }: UnrunDeps,
  delivery: Delivery,
  outcome: AttemptOutcome,
  answer: Answer | null,
  about: object = { task_id: answer?.taskId },
): Promise<void> {
  if (answer !== null) {
    const runner = { worker, startedAt: null }
    const report = await publisher.deliver(outcomeMessage(answer, runner, outcome), about)
    if (report === 'abandoned') return delivery.requeue()
  }
  delivery.ack()
}

/** Parks a message that cannot be read, and tells whoever waits, if the message names them. */
export async function parkDelivery(
  { broker, topology, publisher, worker, logger }: UnrunDeps,
  delivery: Delivery,
  { error, outcome, answer }: Extract<Intake, { kind: 'malformed' | 'unknown_version' }>,
): Promise<void> {
  logger.warn({ err: error, task_id: delivery.correlationId }, 'a malformed message is parked')
  if (answer !== null)
    await publisher.deliver(outcomeMessage(answer, { worker, startedAt: null }, outcome), {
      task_id: answer.taskId,
    })
  try {
    await parkMalformed(broker, topology, delivery, error)
  } catch (fault) {
    logger.error({ err: fault, reason: messageOf(fault) }, 'a malformed message could not be parked')
    delivery.requeue()
  }
}
