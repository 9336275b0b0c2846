import { brokerMetricTable } from '@celeriac/broker'
import { clockMetricTable, serviceMetricTable, type MetricDefinition } from '@celeriac/runtime'
import { storeMetricTable } from '@celeriac/store'
import { accountMetricTable } from './accounts/metrics.ts'
import { beatMetricTable } from './beat/metrics.ts'
import { engineMetricTable } from './engine/metrics.ts'
import { retentionMetricTable } from './housekeeping/retention-metrics.ts'
import { httpMetricTable } from './http/metrics.ts'
import { platformMetricTable } from './platform-metrics.ts'
import { limitMetricTable, waitingMetricTable } from './predict/limit-metrics.ts'
import { gatewayMetricTable } from './predict/metrics.ts'
import { scoreMetricTable } from './predict/score-metrics.ts'

/** All that a scheduler reports, beside Node's process metrics. */
export const schedulerMetrics: readonly MetricDefinition[] = [
  engineMetricTable,
  beatMetricTable,
  platformMetricTable,
  retentionMetricTable,
  httpMetricTable,
  accountMetricTable,
  gatewayMetricTable,
  limitMetricTable,
  waitingMetricTable,
  scoreMetricTable,
  storeMetricTable,
  brokerMetricTable,
  serviceMetricTable,
  clockMetricTable,
].flatMap((table) => Object.values(table))
