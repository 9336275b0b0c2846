export * from './messages/control-message.ts'
export * from './messages/engine-message.ts'
export * from './messages/json-body.ts'
export * from './messages/model-changed.ts'
export * from './messages/models-routed.ts'
export * from './messages/names.ts'
export * from './messages/operator-task.ts'
export {
  isTaskCallback,
  decodeTaskCallback,
  plainTaskMessage,
  type PlainTaskAttempt,
  type PlainTaskSender,
} from './messages/plain-task.ts'
export { maxReturnedCharacters } from './messages/plain-task-result.ts'
export * from './messages/result-message.ts'
export { type ResultEvent, type TaskEvent, taskProgressSchema } from './messages/result-meta.ts'
export * from './messages/run-changes.ts'
export * from './messages/task-message.ts'
export * from './messages/versions.ts'
export * from './messages/worker-event.ts'
export * from './http/index.ts'
export { datasetUsesOf, type DatasetUse } from './dag-document/dataset-ids.ts'
export { dumpDagDocument } from './dag-document/dump-dag-document.ts'
export { parseDurationMs } from './dag-document/duration.ts'
export { type DagLimits, defaultDagLimits } from './dag-document/limits.ts'
export {
  type DagDocument,
  type DagParseResult,
  parseDagDocument,
  type ParseDagOptions,
} from './dag-document/parse-dag-document.ts'
export { type Problem, type ProblemCode, problemCodes, type ProblemSeverity } from './dag-document/problem.ts'
export * from './manifest/algorithm-catalog.ts'
export {
  checkManifest,
  type ManifestCheck,
  type ManifestCheckOptions,
  type ManifestProblem,
} from './manifest/check-manifest.ts'
export * from './manifest/manifest.ts'
export { type ParamViolation } from './manifest/param-violations.ts'
export { paramsValidatorOf, type ParamsValidator } from './manifest/params-validator.ts'
export * from './predict/check-rows.ts'
export * from './predict/model-signature.ts'
export * from './predict/predict-answer.ts'
export * from './predict/predict-call.ts'
export { nearestName } from './nearest-name.ts'
export type { DocumentSchedule, ScheduleSettingsInput } from './schedule/document-schedule.ts'
export { dueTimesOf } from './schedule/due-times.ts'
export { catchUpKinds, scheduleDefaults } from './schedule/schedule-settings.ts'
export { scheduleSpecSchema, type ScheduleSpec } from './schedule/schedule-spec.ts'
