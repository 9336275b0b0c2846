import type { Broker } from '@celeriac/core'
import type { Logger } from '@celeriac/runtime'

/**
 * Makes queues of plain tasks that do not exist, as Celery does (`task_create_missing_queues`): classic, durable, without
 * arguments, so that Celery's own declaration agrees. False when the broker refuses; it is logged.
 */
export async function declareMissingQueues(
  queues: Iterable<string>,
  { broker, logger }: { readonly broker: Broker; readonly logger: Logger },
): Promise<boolean> {
  const names = [...new Set(queues)]
  try {
    await broker.declare({ queues: names.map((name) => ({ name, type: 'classic' })) })
    return true
  } catch (err) {
    logger.warn({ err, queues: names }, 'queues of plain tasks could not be made')
    return false
  }
}
