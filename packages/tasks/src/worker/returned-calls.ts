/**
 * Predictions that come back because the worker that had them was lost. A classic queue does not count deliveries, so
 * rows that end the process which scores them would end one worker after the other: a call that comes back is sent
 * again with the number of workers it has outlived, and with the deadline it has, before it is tried.
 */
import { identityOf } from '@celeriac/broker'
import { AppError, type Delivery, type Instant, type OutgoingMessage } from '@celeriac/core'

/** Header of a call: how many workers were lost while they had it. */
export const lostWorkersHeader = 'celeriac_lost_workers'
/** Then the call is answered instead of tried: calls that happened to be beside it may come back so often, too. */
export const mostLostWorkers = 3

export function lostWorkersOf({ headers, redelivered, deliveryCount }: Delivery): number {
  const noted = headers?.[lostWorkersHeader]
  const before = typeof noted === 'number' && Number.isSafeInteger(noted) && noted > 0 ? noted : 0
  return before + (redelivered ? Math.max(deliveryCount, 1) : 0)
}

/** The call, for the same queue, with what a redelivery does not tell. */
export function notedCopy(
  delivery: Delivery,
  { deadlineAt, now }: { readonly deadlineAt: Instant; readonly now: Instant },
): OutgoingMessage {
  const { priority, persistent, queue, body, headers } = delivery
  return {
    ...identityOf(delivery),
    ...(priority === undefined ? {} : { priority }),
    persistent: persistent ?? false,
    exchange: '',
    routingKey: queue,
    expirationMs: Math.max(1, Math.ceil(deadlineAt - now)),
    headers: {
      ...headers,
      expires: new Date(deadlineAt).toISOString(),
      [lostWorkersHeader]: lostWorkersOf(delivery),
    },
    body,
  }
}

export const workersLost = (workers: number): AppError =>
  new AppError(
    'TASK_PROCESS_DIED',
    `${workers} workers were lost while they had the call; its rows may be what ends them`,
    { details: { workers } },
  )
