export {
  createLocalExecutor,
  defaultLocalExecutorLimits,
  type LocalExecutor,
  type LocalExecutorLimits,
  type LocalExecutorOptions,
} from './local/local-executor.ts'
export { defaultLogLimits, type LogLimits } from './local/log-budget.ts'
export { executorMetricTable, type ExecutorCounts } from './metrics.ts'
export type { PythonCommand } from './local/runner-parent.ts'
export { BaseExecutor, type BaseExecutorOptions } from './own/base-executor.ts'
export type { ExecutorBehaviour, ExecutorContext, Job } from './own/behaviour.ts'
export { loadExecutor, type ExecutorFactory } from './own/load-executor.ts'
export { fileReader, type ArtifactReader } from './predict/deployment-files.ts'
export { loadDeployment } from './predict/load-deployment.ts'
export { reportServing } from './predict/report-serving.ts'
export type { LoadedDeployment, Scorer, ServingReport } from './predict/scorer.ts'
export type { LoadDeployment } from './predict/serving/deployment-cache.ts'
export { servingMetricTable } from './predict/serving/metrics.ts'
export {
  defaultModelServerLimits,
  ModelServer,
  type ModelServerLimits,
  type ModelServerOptions,
  type PredictRequest,
  type PredictResponse,
  type RoutedVersions,
} from './predict/serving/model-server.ts'
