import { parseDurationMs } from '@celeriac/contracts'
import type { Instant, RetentionLimits } from '@celeriac/core'
import { setting } from '@celeriac/runtime'
import { z } from 'zod'

/** How long what belongs to a finished run, and an entry of the audit log, is kept, in milliseconds; null: for ever. */
export interface RetentionPolicy {
  readonly runsMs: number | null
  readonly logsMs: number | null
  readonly artifactsMs: number | null
  readonly auditMs: number | null
  /** Of versions of models, after they were archived. */
  readonly modelVersionsMs: number | null
}

/** An attempt that the engine has given up may still be writing: nothing is removed under its hands. */
const leastMs = 3_600_000

const keptFor = (text: string): number | null => {
  const ms = text === 'never' ? 0 : parseDurationMs(text)
  return ms === 0 ? null : ms
}

/** The text stays as it was written: it is what the log and the reference show. */
const retentionType = z.preprocess(
  (value) => (typeof value === 'number' ? `${value}` : value),
  z
    .string()
    .trim()
    .refine((text) => text === 'never' || parseDurationMs(text) !== null, {
      error: 'must be a duration such as 90d or 12h, or never',
    })
    .refine((text) => keptFor(text) === null || Number(keptFor(text)) >= leastMs, {
      error: 'must be an hour at least, or never',
    }),
) as z.ZodType<string>

export const retentionSettings = {
  retentionRuns: setting({
    type: retentionType,
    env: 'CELERIAC_RETENTION_RUNS',
    default: '90d',
    description:
      'How long finished runs are kept, with their attempts, idempotency keys, logs and artifacts; `never` (or 0) = they are never deleted. Runs that a model version came from stay.',
  }),
  retentionLogs: setting({
    type: retentionType,
    env: 'CELERIAC_RETENTION_LOGS',
    default: '30d',
    description:
      'How long the logs of finished runs are kept, if not as long as their run; `never` = as long.',
  }),
  retentionArtifacts: setting({
    type: retentionType,
    env: 'CELERIAC_RETENTION_ARTIFACTS',
    default: '90d',
    description:
      'How long the artifacts of finished runs are kept, if not as long as their run; `never` = as long. Those of runs that a model version came from stay.',
  }),
  retentionAudit: setting({
    type: retentionType,
    env: 'CELERIAC_RETENTION_AUDIT',
    default: '400d',
    description: 'How long entries of the audit log are kept; `never` (or 0) = they are never deleted.',
  }),
  retentionModelVersions: setting({
    type: retentionType,
    env: 'CELERIAC_RETENTION_MODEL_VERSIONS',
    default: 'never',
    description:
      'How long archived versions of models are kept after they were archived; `never` (or 0) = until somebody deletes them. Versions that are not archived stay.',
  }),
} as const

export const retentionPolicyOf = (config: {
  readonly retentionRuns: string
  readonly retentionLogs: string
  readonly retentionArtifacts: string
  readonly retentionAudit: string
  readonly retentionModelVersions: string
}): RetentionPolicy => ({
  runsMs: keptFor(config.retentionRuns),
  logsMs: keptFor(config.retentionLogs),
  artifactsMs: keptFor(config.retentionArtifacts),
  auditMs: keptFor(config.retentionAudit),
  modelVersionsMs: keptFor(config.retentionModelVersions),
})

/** Nothing is ever deleted. */
export const keepAll: RetentionPolicy = {
  runsMs: null,
  logsMs: null,
  artifactsMs: null,
  auditMs: null,
  modelVersionsMs: null,
}

export function limitsAt(policy: RetentionPolicy, now: Instant): RetentionLimits {
  const before = (ms: number | null): Instant | null => (ms === null ? null : now - ms)
  return {
    runs: before(policy.runsMs),
    logs: before(policy.logsMs),
    artifacts: before(policy.artifactsMs),
    audit: before(policy.auditMs),
    modelVersions: before(policy.modelVersionsMs),
  }
}
