/**
 * Versions of the messages between schedulers and workers of ours; the rules are in CONTRIBUTING.md. New optional fields
 * raise nothing: readers ignore what they do not know. A number goes up when a reader that does not know of the change
 * would do something wrong, and readers learn it one release before writers use it.
 *
 * Celery's own messages (plain tasks, their results, remote control) have no version of ours. Heartbeats carry one, but
 * are never refused for it: they are said again every second, and a fleet that is not heard would be taken for dead.
 */
import { AppError, isAppError, type JsonValue, type MessageProperties } from '@celeriac/core'

/**
 * Header with the version; absent means 1, so that 1 is not written: headers are the dearest part of a small message. A
 * header, because Celery clients ignore those that they do not know.
 */
export const versionHeader = 'celeriac_version'

export type VersionedMessage = 'event' | 'operatorTask' | 'result' | 'workerEvent'
/** What this code writes, and the newest that it reads. */
export const messageVersions: Readonly<Record<VersionedMessage, number>> = {
  event: 1,
  operatorTask: 1,
  result: 1,
  workerEvent: 1,
}

/** Why such a message is parked; `celeriac parked` and the metrics say it as well. */
export const unknownVersionReason = 'unknown_version'

/** Undefined: the version is not written. */
export const writtenVersion = (message: VersionedMessage): number | undefined =>
  messageVersions[message] === 1 ? undefined : messageVersions[message]

export function versionHeaders(message: VersionedMessage): Readonly<Record<string, number>> {
  const version = writtenVersion(message)
  return version === undefined ? none : { [versionHeader]: version }
}

const none = Object.freeze({})

/** Throws BROKER_MESSAGE_MALFORMED, for which {@link isUnknownVersion} holds, when only newer code can read it. */
export function requireKnownVersion(message: VersionedMessage, { headers }: MessageProperties): void {
  const version = headers?.[versionHeader] ?? 1
  if (typeof version === 'number' && version <= messageVersions[message]) return
  throw unknownVersion('the version of the message is not known', {
    version,
    known: messageVersions[message],
  })
}

/** A message that is well-formed, as far as can be told, but not for this version. */
export const unknownVersion = (message: string, details: Readonly<Record<string, JsonValue>>): AppError =>
  new AppError('BROKER_MESSAGE_MALFORMED', message, {
    details: { reason: unknownVersionReason, ...details },
  })

/** True: nothing may be decided about what the message says; it waits for the upgrade. */
export const isUnknownVersion = (error: unknown): boolean =>
  isAppError(error) && error.details['reason'] === unknownVersionReason
