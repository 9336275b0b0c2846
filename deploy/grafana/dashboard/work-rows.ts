import type { Row } from './panels.ts'
import { quantile, rate } from './queries.ts'

/** Predictions have a row of their own panels, and `/readyz` answers 503 to be taken out of the load balancer. */
const refused = (status: string): string =>
  `sum(rate(celeriac_http_request_duration_seconds_count{route!~".*/predict|/readyz", status=~"${status}"}[$__rate_interval]))`

/** Runs, operators and queues of the whole installation. */
export const runsRow: Row = {
  title: 'Runs',
  panels: [
    {
      title: 'Unfinished runs by state',
      description: 'From the database.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: 'state:celeriac_dag_runs:max', legend: '{{state}}' }],
    },
    {
      title: 'Runs finished',
      description: 'Runs per second that reached a final state.',
      unit: 'ops',
      queries: [{ expr: rate('dag_runs_finished_total', 'outcome'), legend: '{{outcome}}' }],
    },
    {
      title: 'Duration of runs',
      description: 'From accepted to finished.',
      unit: 's',
      queries: [
        { expr: quantile(0.5, 'dag_run_duration_seconds'), legend: 'p50' },
        { expr: quantile(0.95, 'dag_run_duration_seconds'), legend: 'p95' },
      ],
    },
    {
      title: 'Runs waiting for a limit',
      description: 'Queued runs that wait until fewer are active, in their DAG or in all. Meant to be so.',
      unit: 'short',
      queries: [{ expr: 'max(celeriac_dag_runs_waiting)', legend: 'waiting' }],
    },
    {
      title: 'Requests refused',
      description:
        'Per second: 429 as too many runs are open, 503 and 507 as the database, the broker or disk space is missing.',
      unit: 'reqps',
      queries: [
        { expr: `${refused('429')} or vector(0)`, legend: '429' },
        { expr: `${refused('503|507')} or vector(0)`, legend: '503, 507' },
      ],
    },
  ],
}

export const operatorsRow: Row = {
  title: 'Operators',
  panels: [
    {
      title: 'Operators by state',
      description: 'Of unfinished runs. pending waits for upstream operators; queued lies with the broker.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: 'state:celeriac_operator_tasks:max', legend: '{{state}}' }],
    },
    {
      title: 'Operators finished',
      description: 'Per second, by outcome.',
      unit: 'ops',
      shape: 'stacked',
      queries: [{ expr: rate('tasks_finished_total', 'outcome'), legend: '{{outcome}}' }],
    },
    {
      title: 'Retries and failures',
      description:
        'Attempts per second that failed and are tried again, by error code; and operators that failed for good.',
      unit: 'ops',
      queries: [
        { expr: `${rate('task_retries_total', 'reason')} > 0`, legend: 'retried: {{reason}}' },
        {
          expr: 'sum(rate(celeriac_tasks_finished_total{outcome="failed"}[$__rate_interval]))',
          legend: 'failed',
        },
      ],
    },
    {
      title: 'Duration by algorithm, median',
      description: 'From the start of an attempt to its end.',
      unit: 's',
      queries: [{ expr: 'algorithm:celeriac_task_run_duration_seconds:p50_rate5m', legend: '{{algorithm}}' }],
    },
    {
      title: 'Duration by algorithm, p95',
      description: 'One attempt in twenty takes longer.',
      unit: 's',
      queries: [{ expr: 'algorithm:celeriac_task_run_duration_seconds:p95_rate5m', legend: '{{algorithm}}' }],
    },
    {
      title: 'Attempts by outcome',
      description: 'As the workers saw them, per second.',
      unit: 'ops',
      queries: [{ expr: rate('attempts_finished_total', 'outcome'), legend: '{{outcome}}' }],
    },
  ],
}

export const queuesRow: Row = {
  title: 'Queues',
  panels: [
    {
      title: 'Messages waiting',
      description: 'Ready messages per queue, without those that a worker holds.',
      unit: 'short',
      queries: [{ expr: 'queue:celeriac_queue_messages:max', legend: '{{queue}}' }],
    },
    {
      title: 'Consumers',
      description: 'Per queue. An event queue has one at a time; others stand by.',
      unit: 'short',
      queries: [{ expr: 'queue:celeriac_queue_consumers:max', legend: '{{queue}}' }],
    },
    {
      title: 'Wait for a worker',
      description: 'From ready to the start of the attempt.',
      unit: 's',
      queries: [
        { expr: quantile(0.5, 'task_queue_wait_seconds', 'executor'), legend: '{{executor}} p50' },
        { expr: quantile(0.95, 'task_queue_wait_seconds', 'executor'), legend: '{{executor}} p95' },
      ],
    },
  ],
}

/** Schedules and plain tasks. */
export const tasksRow: Row = {
  title: 'Schedules and plain tasks',
  panels: [
    {
      title: 'Due times of schedules',
      description: 'Per second, by what became of them.',
      unit: 'ops',
      queries: [{ expr: rate('schedule_firings_total', 'outcome'), legend: '{{outcome}}' }],
    },
    {
      title: 'Schedules overdue',
      description: 'Age of the oldest due time that nobody has fired: of the scheduler that looked last.',
      unit: 's',
      queries: [{ expr: 'min(celeriac_schedule_overdue_seconds)', legend: 'overdue' }],
    },
    {
      title: 'Plain tasks finished',
      description: 'Per second, by outcome.',
      unit: 'ops',
      shape: 'stacked',
      queries: [{ expr: rate('plain_tasks_finished_total', 'outcome'), legend: '{{outcome}}' }],
    },
  ],
}

/** What is deleted because it is old. */
export const retentionRow: Row = {
  title: 'Retention',
  panels: [
    {
      title: 'Last pass that deleted all that was due',
      description: 'How long ago, by any scheduler. An hour or so is normal, a day is not.',
      unit: 's',
      queries: [
        {
          // 0 until a scheduler has read it.
          expr: 'time() - max(celeriac_retention_last_success_timestamp_seconds != 0)',
          legend: 'ago',
        },
      ],
    },
    {
      title: 'Passes',
      description:
        'Of the last day, by outcome. failed: something was left, and is tried again in ten minutes.',
      unit: 'short',
      queries: [
        {
          expr: 'sum by (outcome) (increase(celeriac_retention_passes_total[1d]))',
          legend: '{{outcome}}',
        },
      ],
    },
    {
      title: 'Deleted',
      description: 'Per second, by kind. files: removals of the files of one run.',
      unit: 'ops',
      queries: [{ expr: rate('retention_removed_total', 'kind'), legend: '{{kind}}' }],
    },
  ],
}
