import { z } from 'zod'
import { instantSchema } from './common.ts'
import { named } from './schema-registry.ts'

const policySchema = z
  .object({
    runs_s: z.number().nullable(),
    logs_s: z.number().nullable(),
    artifacts_s: z.number().nullable(),
    audit_s: z.number().nullable().describe('Entries of the audit log.'),
    model_versions_s: z.number().nullable().describe('Versions of models, after they were archived.'),
  })
  .describe('How long each is kept after its run has finished, in seconds; null: for ever.')

const countsSchema = z.object({
  runs: z.number().int(),
  operator_tasks: z.number().int(),
  logs: z.number().int().describe('Runs that lost their logs and stay.'),
  artifacts: z.number().int().describe('Runs that lost their artifacts and stay.'),
  task_results: z.number().int(),
  audit_entries: z.number().int().describe('Entries of the audit log.'),
  model_versions: z.number().int().describe('Archived versions of models.'),
  files: z.number().int().describe('Runs whose files were removed.'),
  files_failed: z
    .number()
    .int()
    .describe('Runs whose files could not be removed; tried again by the next pass.'),
})

/** What is kept for how long, and when that was last seen to. */
export const retentionSchema = named(
  'Retention',
  z.object({
    policy: policySchema,
    is_running: z.boolean(),
    started_at: instantSchema.nullable().describe('Of the pass that runs, or of the last one.'),
    succeeded_at: instantSchema.describe('When a pass last removed all that was due.'),
    removed: countsSchema.nullable().describe('By the last pass that ended.'),
  }),
)
export type RetentionView = z.output<typeof retentionSchema>

export const retentionPreviewSchema = named(
  'RetentionPreview',
  z.object({
    policy: policySchema,
    runs: z.number().int().describe('Runs that would be deleted.'),
    operator_tasks: z.number().int(),
    runs_kept_for_models: z.number().int().describe('Old enough, but a version of a model came from them.'),
    logs: z.number().int().describe('Runs that would lose their logs and stay.'),
    artifacts: z.number().int().describe('Runs that would lose their artifacts and stay.'),
    task_results: z.number().int(),
    audit_entries: z.number().int().describe('Entries of the audit log that would be deleted.'),
    model_versions: z
      .number()
      .int()
      .describe(
        'Versions of models that were archived so long ago; one that a rollback would go back to stays.',
      ),
    files_waiting: z
      .number()
      .int()
      .describe('Runs whose files an earlier pass has given up and not removed yet.'),
    bytes: z.number().int().describe('Of the files of the runs that were measured.'),
    measured_runs: z.number().int().describe('The oldest, at most 200: more may be freed than `bytes`.'),
  }),
)
export type RetentionPreviewView = z.output<typeof retentionPreviewSchema>

export const retentionStartedSchema = named(
  'RetentionStarted',
  z.object({
    status: z.enum(['started', 'running']).describe('running: a pass was under way, and goes on.'),
  }),
)
