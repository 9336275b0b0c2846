export { noLogs, type LogSink } from './worker/log-sink.ts'
export { taskWorkerMetricTable } from './worker/metrics.ts'
export type { Predict, PredictExecutor } from './worker/predict-worker.ts'
export { createTaskWorker, type TaskWorker, type TaskWorkerOptions } from './worker/task-worker.ts'
