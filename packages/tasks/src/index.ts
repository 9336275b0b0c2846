export { noLogs, type LogSink } from './worker/log-sink.ts'
export { taskWorkerMetricTable } from './worker/metrics.ts'
export type { ScaleRange } from './worker/plain/autoscaler.ts'
export { loadTaskApp, type HasTaskApp } from './worker/plain/load-task-app.ts'
export { plainTaskMetricTable } from './worker/plain/metrics.ts'
export type { PlainTasksOptions } from './worker/plain/plain-tasks-options.ts'
export type { Isolation, RegisteredTask, TaskOptions, TaskRegistry } from './worker/plain/registered-task.ts'
export type { TaskApp } from './worker/plain/task-app.ts'
export { ChildPool, type ChildPoolOptions } from './worker/pool/child-pool.ts'
export { InlinePool } from './worker/pool/inline-pool.ts'
export { spawnProcess, spawnThread, type SpawnOptions } from './worker/pool/spawn-child.ts'
export type { TaskPool } from './worker/pool/task-pool.ts'
export { logFields } from './worker/running-attempt.ts'
export type { Predict, PredictAnswer, PredictRuntime } from './worker/predict-worker.ts'
export type { ReceivedCall } from './worker/prediction-call.ts'
export { createTaskWorker } from './worker/task-worker.ts'
export type { TaskWorker, TaskWorkerOptions } from './worker/task-worker-options.ts'
export {
  backendFromUrl,
  type BackendContext,
  type OpenResultStore,
  type ResultStoreOptions,
} from './result/backend-from-url.ts'
export { createDisabledBackend } from './result/disabled-backend.ts'
export { encodeException, toTaskError, tracebackOf } from './result/exception-info.ts'
export { joinValues, taskIdsOf } from './result/join-results.ts'
export { MemoryBackend, type MemoryBackendOptions } from './result/memory/memory-backend.ts'
export { MemoryResults } from './result/memory/memory-results.ts'
export { decodeMeta, encodeMeta, exceptionOf } from './result/meta-text.ts'
export { PostgresBackend, type PostgresBackendOptions } from './result/postgres/postgres-backend.ts'
export { RedisBackend, type RedisBackendOptions } from './result/redis/redis-backend.ts'
export type {
  ChordPart,
  ChordProgress,
  ResultBackend,
  ResultBackendName,
  StoredResult,
} from './result/result-backend.ts'
export type { ResultRetention } from './result/retention.ts'
export { RpcBackend, type RpcBackendOptions } from './result/rpc/rpc-backend.ts'
export * from './result/task-errors.ts'
export * from './result/task-meta.ts'
export { createMessageCodec, type MessageCodec, type MessageCodecOptions } from './message/message-codec.ts'
export { decodeTaskCall } from './message/decode-task-call.ts'
export { encodeTaskCall } from './message/encode-task-call.ts'
export { pythonRepr, type ReprOptions } from './message/python-repr.ts'
export type { SigningKey } from './message/signature.ts'
export type { TaskCall, TaskRoute } from './message/task-call.ts'
export type { TaggedValue, TaskObject, TaskValue } from './message/task-value.ts'
export { CalendarDate, ClockTime, Decimal, Uuid } from './serialization/tagged-values.ts'
export type { AnyResult, GetOptions, RevokeOptions } from './app/any-result.ts'
export type { CeleriacOptions, TaskQueue } from './app/app-options.ts'
export { AsyncResult } from './app/async-result.ts'
export type { ApplyOptions, CallOptions } from './app/call-options.ts'
export { Celeriac } from './app/celeriac.ts'
export { GroupResult } from './app/group-result.ts'
export type { TaskSchema } from './app/parameters.ts'
export type { Route, RouteFunction, RouteRule, Routes } from './app/routes.ts'
export { ArgumentsError, type TaskDeclarationOptions, type TaskHandler } from './app/task-declaration.ts'
export { Task } from './app/task.ts'
export type { SignatureDict, SignatureOptions } from './canvas/signature-dict.ts'
export {
  chain,
  chord,
  chunks,
  group,
  map,
  signature,
  Signature,
  signatureFromDict,
  starmap,
  type AnySignature,
  type ResultOf,
} from './canvas/signature.ts'
export type { StampingVisitor, Stamps } from './canvas/stamp.ts'
export {
  ControlClient,
  type CommandOptions,
  type ConsumerOptions,
  type RevokeCommandOptions,
} from './control/control-client.ts'
export type { ControlTarget } from './control/control-message.ts'
export type { Replies, RequestOptions } from './control/control-requests.ts'
export * from './control/inspect-replies.ts'
export type { Inspect } from './control/inspect.ts'
export {
  celeryEventSchemas,
  isTaskEvent,
  isWorkerEvent,
  type CeleryEvent,
  type CeleryEventOf,
  type CeleryEventType,
  type CustomEvent,
  type TaskEvent,
  type WorkerEvent,
} from './events/celery-event.ts'
export { ClusterState, hasEnded, isAlive, type SeenTask, type SeenWorker } from './events/cluster-state.ts'
export type { EventHandlers, EventReceiver, EventReceiverOptions } from './events/event-receiver.ts'
export type { UserControlCommand } from './worker/plain/task-app.ts'
export type { TaskContext, TaskRequest } from './worker/plain/task-context.ts'
