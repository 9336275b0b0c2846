export * from './messages/control-message.ts'
export * from './messages/engine-message.ts'
export * from './messages/json-body.ts'
export * from './messages/names.ts'
export * from './messages/operator-task.ts'
export * from './messages/result-message.ts'
export * from './messages/task-message.ts'
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
export { checkManifest, type ManifestCheck, type ManifestProblem } from './manifest/check-manifest.ts'
export * from './manifest/manifest.ts'
export { nearestName } from './nearest-name.ts'
