import type { MetricsOf, MetricTable } from '@celeriac/runtime'

/** What tells of somebody who guesses at passwords or tokens. No names and no addresses: the audit log and the log have them. */
export const accountMetricTable = {
  logins: {
    type: 'counter',
    name: 'logins_total',
    help: 'Tries to log in, or to change a password, with a name and a password. throttled: refused before anything was looked at.',
    labels: { outcome: ['succeeded', 'failed', 'throttled'] },
  },
  refusedTokens: {
    type: 'counter',
    name: 'tokens_refused_total',
    help: 'Requests that were refused because they had no token (missing), or one that is not known, has expired or was revoked (invalid).',
    labels: { reason: ['missing', 'invalid'] },
  },
} as const satisfies MetricTable

export type AccountMetrics = MetricsOf<typeof accountMetricTable>
