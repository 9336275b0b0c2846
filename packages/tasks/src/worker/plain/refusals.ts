import { parkMalformed, type Topology } from '@celeriac/broker'
import { messageOf, type AppError, type Broker, type Delivery } from '@celeriac/core'
import { NotRegistered } from '../../result/task-errors.ts'
import { failureOf } from './handler-outcome.ts'
import type { ReceivedTask } from './received-task.ts'
import type { RegisteredTask } from './registered-task.ts'
import { failed, revoked, type Settlement } from './settlement.ts'
import { logFieldsOf, settledTask, stepsAbout, type TaskRunDeps } from './task-run.ts'

/** Stands for the task of a call that is refused before anybody looked for it. */
export const unregistered = (name: string): RegisteredTask => ({
  name,
  options: {},
  run: () => {
    throw new NotRegistered([name])
  },
})

/** A task that is not run: what waits for it is told, then it is acknowledged. Gives how it ended; never rejects. */
export async function refuseTask(
  received: ReceivedTask,
  reason: 'revoked' | 'expired' | 'unknown',
  deps: TaskRunDeps,
): Promise<Settlement['outcome']> {
  const { steps, logger, events } = deps
  const { call } = received
  const about = stepsAbout(received, deps)
  try {
    const settlement =
      reason === 'unknown'
        ? notRegistered(received, deps)
        : revoked(reason, settledTask(received, null, deps))
    await steps.run(settlement.steps, about)
    received.acknowledge(settlement.acknowledgement)
    if (reason === 'unknown') {
      logger.error(logFieldsOf(received), 'a task is not registered; it is rejected')
      const exception = `NotRegistered('${call.task}')`
      events.send('task-failed', call.id, () => ({ exception, traceback: null }))
    } else {
      const expired = reason === 'expired'
      events.send('task-revoked', call.id, () => ({ terminated: false, signum: null, expired }))
    }
    return settlement.outcome
  } catch (error) {
    logger.warn(
      { ...logFieldsOf(received), reason: messageOf(error) },
      'a refusal was not told; the task goes back',
    )
    received.acknowledge('requeue')
    return 'returned'
  }
}

function notRegistered(received: ReceivedTask, deps: TaskRunDeps): Settlement {
  const failure = { ...failureOf(new NotRegistered([received.call.task])), traceback: null }
  const context = { newId: stepsAbout(received, deps).newId, replyTo: deps.app.backend.replyTo }
  const settlement = failed(failure, settledTask(received, null, deps), context, deps.steps.isInline)
  return { ...settlement, acknowledgement: 'reject' }
}

/** A message that is no task goes to the dead-letter queue. Never rejects. */
export async function parkTask(
  delivery: Delivery,
  error: AppError,
  { broker, topology, logger }: { broker: Broker; topology: Topology; logger: TaskRunDeps['logger'] },
): Promise<void> {
  logger.warn({ err: error, queue: delivery.queue }, 'a malformed message is parked')
  try {
    await parkMalformed(broker, topology, delivery, error)
  } catch (err) {
    logger.error({ err }, 'a malformed message could not be parked')
    delivery.requeue()
  }
}
