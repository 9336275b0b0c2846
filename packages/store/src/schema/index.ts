export { apiTokens, auditLog, users } from './accounts.ts'
export { attempts } from './attempts.ts'
export { dagVersions, dags } from './dags.ts'
export { datasets, datasetsIdSequence } from './datasets.ts'
export { iris, irisDatasets } from './iris.ts'
export { modelAliases, modelChanges, models, modelTraffic, modelVersions } from './models.ts'
export { operatorTasks } from './operator-tasks.ts'
export { partitions } from './partitions.ts'
export { fileRemovals, retention, retentionMarks } from './retention.ts'
export { runs } from './runs.ts'
export { scheduledTasks, scheduleFirings, schedules } from './schedules.ts'
export { schemaMigrations } from './schema-migrations.ts'
export {
  taskChordParts,
  taskChords,
  taskGroups,
  taskResults,
  taskResultsChangeSequence,
} from './task-results.ts'
