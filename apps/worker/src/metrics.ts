import { brokerMetricTable } from '@celeriac/broker'
import { executorMetricTable, servingMetricTable } from '@celeriac/executors'
import { clockMetricTable, serviceMetricTable, type MetricDefinition } from '@celeriac/runtime'
import { plainTaskMetricTable, taskWorkerMetricTable } from '@celeriac/tasks'

/** All that a worker reports, beside Node's process metrics. */
export const workerMetrics: readonly MetricDefinition[] = [
  taskWorkerMetricTable,
  plainTaskMetricTable,
  executorMetricTable,
  servingMetricTable,
  brokerMetricTable,
  serviceMetricTable,
  clockMetricTable,
].flatMap((table) => Object.values(table))
