import type { RetentionCounts } from '@celeriac/core'
import type { MetricsOf, MetricTable } from '@celeriac/runtime'

export const retentionMetricTable = {
  removed: {
    type: 'counter',
    name: 'retention_removed_total',
    help: 'What this scheduler deleted because it was old. logs, artifacts: runs that lost them; files: removals of a run`s files.',
    labels: {
      kind: [
        'runs',
        'operator_tasks',
        'logs',
        'artifacts',
        'task_results',
        'audit_entries',
        'model_versions',
        'files',
      ],
    },
  },
  passes: {
    type: 'counter',
    name: 'retention_passes_total',
    help: 'Passes of this scheduler through what is old. failed: something was left, and is tried again in ten minutes.',
    labels: { outcome: ['succeeded', 'failed'] },
  },
  duration: {
    type: 'histogram',
    name: 'retention_pass_duration_seconds',
    help: 'Time of one pass through what is old, its pauses included.',
    buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600],
  },
  lastSuccess: {
    type: 'gauge',
    name: 'retention_last_success_timestamp_seconds',
    help: 'When a pass of any scheduler last removed all that was due; 0: not read yet. The same on every scheduler: use max.',
  },
} as const satisfies MetricTable

export type RetentionMetrics = MetricsOf<typeof retentionMetricTable>

export function countRemoved({ removed }: RetentionMetrics, counts: RetentionCounts): void {
  removed.inc({ kind: 'runs' }, counts.runs)
  removed.inc({ kind: 'operator_tasks' }, counts.operatorTasks)
  removed.inc({ kind: 'logs' }, counts.logs)
  removed.inc({ kind: 'artifacts' }, counts.artifacts)
  removed.inc({ kind: 'task_results' }, counts.taskResults)
  removed.inc({ kind: 'audit_entries' }, counts.auditEntries)
  removed.inc({ kind: 'model_versions' }, counts.modelVersions)
  removed.inc({ kind: 'files' }, counts.files)
}
