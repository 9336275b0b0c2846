export { workerConfigSchema, type WorkerConfig } from './config.ts'
export { workerMetrics } from './metrics.ts'
export { pythonCommand } from './python-command.ts'
export { ownExecutorsOf } from './worker-executors.ts'
export {
  startDistributedWorker,
  startWorker,
  type RunningWorker,
  type WorkerParts,
  type WorkerSettings,
} from './start-worker.ts'
