import {
  retentionPreviewSchema,
  retentionSchema,
  retentionStartedSchema,
  type RetentionPreviewView,
  type RetentionView,
} from '@celeriac/contracts'
import type { RetentionCounts } from '@celeriac/core'
import type { RetentionPolicy } from '../../housekeeping/retention-policy.ts'
import { defineRoute, type Route } from '../route.ts'

const path = '/api/v1/retention'

export const retentionRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path,
    operationId: 'getRetention',
    tag: 'service',
    summary:
      'How long finished runs, logs, artifacts and the audit log are kept, and what the last pass removed.',
    access: 'admin',
    answers: { 200: { description: 'The policy and the last pass', schema: retentionSchema } },
    errors: ['STORE_UNAVAILABLE'],
    async handle(_input, { retention }) {
      const { holder, startedAt, succeededAt, removed } = await retention.state()
      const body: RetentionView = {
        policy: policyView(retention.policy),
        is_running: holder !== null,
        started_at: startedAt === null ? null : new Date(startedAt).toISOString(),
        succeeded_at: new Date(succeededAt).toISOString(),
        removed: removed === null ? null : countsView(removed),
      }
      return { status: 200, body }
    },
  }),
  defineRoute({
    method: 'get',
    path: `${path}/preview`,
    operationId: 'previewRetention',
    tag: 'service',
    summary: 'What a pass would remove now. Counts all that is old, so it takes a while on a large database.',
    access: 'admin',
    answers: { 200: { description: 'What is old', schema: retentionPreviewSchema } },
    errors: ['STORE_UNAVAILABLE'],
    async handle(_input, { retention }) {
      const { counts, bytes, measuredRuns } = await retention.preview()
      const body: RetentionPreviewView = {
        policy: policyView(retention.policy),
        runs: counts.runs,
        operator_tasks: counts.operatorTasks,
        runs_kept_for_models: counts.runsKeptForModels,
        logs: counts.logs,
        artifacts: counts.artifacts,
        task_results: counts.taskResults,
        audit_entries: counts.auditEntries,
        model_versions: counts.modelVersions,
        files_waiting: counts.fileRemovals,
        bytes,
        measured_runs: measuredRuns,
      }
      return { status: 200, body }
    },
  }),
  defineRoute({
    method: 'post',
    path,
    operationId: 'startRetention',
    tag: 'service',
    summary: 'Removes now what is old, instead of within the hour. `GET` tells when it is done.',
    access: 'admin',
    audit: { action: 'retention.start', target: () => null },
    answers: { 202: { description: 'A pass is under way', schema: retentionStartedSchema } },
    errors: ['STORE_UNAVAILABLE'],
    async handle(_input, { retention }) {
      return { status: 202, body: { status: await retention.startNow() } }
    },
  }),
]

const secondsOf = (ms: number | null): number | null => (ms === null ? null : ms / 1_000)

const policyView = (policy: RetentionPolicy): RetentionView['policy'] => ({
  runs_s: secondsOf(policy.runsMs),
  logs_s: secondsOf(policy.logsMs),
  artifacts_s: secondsOf(policy.artifactsMs),
  audit_s: secondsOf(policy.auditMs),
  model_versions_s: secondsOf(policy.modelVersionsMs),
})

const countsView = (counts: RetentionCounts): NonNullable<RetentionView['removed']> => ({
  runs: counts.runs,
  operator_tasks: counts.operatorTasks,
  logs: counts.logs,
  artifacts: counts.artifacts,
  task_results: counts.taskResults,
  audit_entries: counts.auditEntries,
  model_versions: counts.modelVersions,
  files: counts.files,
  files_failed: counts.filesFailed,
})
