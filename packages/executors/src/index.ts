export {
  createLocalExecutor,
  defaultLocalExecutorLimits,
  type LocalExecutor,
  type LocalExecutorLimits,
  type LocalExecutorOptions,
} from './local/local-executor.ts'
export { defaultLogLimits, type LogLimits } from './local/log-budget.ts'
export type { PredictRequest, PredictResponse } from './local/prediction.ts'
export { executorMetricTable, type ExecutorCounts } from './metrics.ts'
export type { PythonCommand } from './local/runner-parent.ts'
