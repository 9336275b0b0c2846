import type { JsonObject, JsonValue, MessageProperties } from '@celeriac/core'

const copyJson = (value: JsonValue): JsonValue => {
  if (value === null || typeof value !== 'object') return value
  return Array.isArray(value) ? value.map(copyJson) : copyHeaders(value as JsonObject)
}

const copyHeaders = (headers: JsonObject): JsonObject => {
  const copy: Record<string, JsonValue> = {}
  for (const key of Object.keys(headers)) copy[key] = copyJson(headers[key] as JsonValue)
  return copy
}

/**
 * What a message is, whose, and for whom: what stays when it is published again. Not how it is delivered: that is for
 * whoever publishes to say (queue, persistence, priority, time to live), and so are its headers.
 */
export function identityOf(source: MessageProperties): MessageProperties {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, type, appId } = source
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(type === undefined ? {} : { type }),
    ...(appId === undefined ? {} : { appId }),
  }
}

/** The properties alone, as copies: a change by the publisher or by one consumer must not reach another. */
export function copyProperties(source: MessageProperties): MessageProperties {
  const { priority, persistent, expirationMs, headers } = source
  return {
    ...identityOf(source),
    ...(priority === undefined ? {} : { priority }),
    persistent: persistent ?? false,
    ...(expirationMs === undefined ? {} : { expirationMs }),
    // An empty table counts as none: on the wire there is always one.
    ...(headers === undefined || Object.keys(headers).length === 0 ? {} : { headers: copyHeaders(headers) }),
  }
}
