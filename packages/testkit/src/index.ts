export { createTestDatabase, type TestDatabase } from './postgres.ts'
export { copyEmbeddedDatabase } from './embedded-database.ts'
export { exerciseEngineStore } from './store-conformance/exercise-engine-store.ts'
export { exerciseStore } from './store-conformance/exercise-store.ts'
export { chainPlan, type MakeStore, type StoreUnderTest } from './store-conformance/store-fixture.ts'
export * from './event-stream.ts'
export { deviations, parseExposition, valueOf, type MetricFamily, type Sample } from './exposition.ts'
export * from './fake-clock.ts'
export { fillHistory, largeHistory, type HistorySize } from './large-history.ts'
export type { BrokerServerUnderTest, MakeBrokerServer } from './broker-conformance/broker-fixture.ts'
export { exerciseBroker } from './broker-conformance/exercise-broker.ts'
export { testAmqpUrl, useTestRabbit, type TestRabbit } from './rabbit.ts'
export { testRedisUrl, useTestRedis, type TestRedis } from './redis.ts'
export * from './scripted-executor.ts'
export { TcpProxy } from './tcp-proxy.ts'
export { exerciseExecutor } from './executor-conformance/exercise-executor.ts'
export {
  hearingListener,
  operatorAttempts,
  type AttemptsUnderTest,
  type ExecutorUnderTest,
  type MakeExecutor,
} from './executor-conformance/executor-fixture.ts'
export { exerciseResultBackend } from './result-backend-conformance/exercise-result-backend.ts'
export type {
  MakeResultService,
  ResultServiceUnderTest,
} from './result-backend-conformance/result-fixture.ts'
