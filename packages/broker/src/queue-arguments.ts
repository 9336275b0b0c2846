import type { QueueSpec } from '@celeriac/core'

/**
 * The queue's arguments in RabbitMQ's words. A stock Celery worker that declares the queue itself must use the same
 * ones. A quorum queue with a dead-letter exchange hands messages over "at least once": the default strategy may lose
 * the message on its way, and with it the end of its run. That strategy demands `reject-publish`.
 */
export function queueArguments(queue: QueueSpec): Readonly<Record<string, string | number | boolean>> {
  const { type, deadLetter, deliveryLimit, maxLength, maxPriority, messageTtlMs, expiresMs } = queue
  const { overflow = maxLength === undefined ? undefined : 'reject-publish' } = queue
  const isSafelyDeadLettered = type === 'quorum' && deadLetter !== undefined && overflow !== 'drop-head'
  return {
    // A plain classic queue has no arguments at all: Celery's clients declare `celery` without any.
    ...(type === 'quorum' ? { 'x-queue-type': 'quorum' } : {}),
    ...(deliveryLimit === undefined ? {} : { 'x-delivery-limit': deliveryLimit }),
    ...(queue.isSingleActiveConsumer === true ? { 'x-single-active-consumer': true } : {}),
    ...(maxLength === undefined ? {} : { 'x-max-length': maxLength }),
    ...(maxPriority === undefined ? {} : { 'x-max-priority': maxPriority }),
    ...(messageTtlMs === undefined ? {} : { 'x-message-ttl': messageTtlMs }),
    ...(expiresMs === undefined ? {} : { 'x-expires': expiresMs }),
    ...(deadLetter === undefined ? {} : { 'x-dead-letter-exchange': deadLetter.exchange }),
    ...(deadLetter?.routingKey === undefined ? {} : { 'x-dead-letter-routing-key': deadLetter.routingKey }),
    ...(isSafelyDeadLettered ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
    ...(isSafelyDeadLettered
      ? { 'x-overflow': 'reject-publish' }
      : overflow === undefined
        ? {}
        : { 'x-overflow': overflow }),
    ...queue.arguments,
  }
}
