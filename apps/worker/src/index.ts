export { workerConfigSchema, type WorkerConfig } from './config.ts'
export { pythonCommand } from './python-command.ts'
export {
  startDistributedWorker,
  startWorker,
  type RunningWorker,
  type WorkerParts,
  type WorkerSettings,
} from './start-worker.ts'
