import type { Instant } from '@celeriac/core'

/** Instants cross the HTTP interface as ISO 8601 in UTC. */
export const isoOf = (at: Instant): string => new Date(at).toISOString()
export const isoOrNull = (at: Instant | null): string | null => (at === null ? null : isoOf(at))
