import { AppError, maxMessageBytes, type OutgoingMessage } from '@celeriac/core'

/** Throws BROKER_MESSAGE_TOO_LARGE when a body exceeds {@link maxMessageBytes}; both adapters call it first. */
export function assertPublishable(messages: readonly OutgoingMessage[]): void {
  for (const { body, exchange, routingKey } of messages)
    if (body.byteLength > maxMessageBytes)
      throw new AppError('BROKER_MESSAGE_TOO_LARGE', 'the message body is larger than the limit', {
        details: { bytes: body.byteLength, limit: maxMessageBytes, exchange, routing_key: routingKey },
      })
}
