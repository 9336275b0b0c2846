import type { Row } from './panels.ts'

/** The question "is all well?", answered by numbers that alerts and recorded series use too. */
export const overviewRow: Row = {
  title: 'At a glance',
  panels: [
    {
      title: 'Unfinished runs',
      description: 'Accepted and not in a final state.',
      unit: 'short',
      shape: 'number',
      queries: [{ expr: 'sum(state:celeriac_dag_runs:max)', legend: 'runs' }],
    },
    {
      title: 'Operators running',
      description: 'Attempts that a worker has started.',
      unit: 'short',
      shape: 'number',
      queries: [{ expr: 'state:celeriac_operator_tasks:max{state="running"}', legend: 'running' }],
    },
    {
      title: 'Operators waiting for a worker',
      description: 'Ready or in a queue. Waiting for upstream operators is not counted.',
      unit: 'short',
      shape: 'number',
      queries: [{ expr: 'sum(state:celeriac_operator_tasks:max{state=~"ready|queued"})', legend: 'waiting' }],
    },
    {
      title: 'Failed, 30 min',
      description: 'Share of the operators that came to an end of their own. A dash: none did.',
      unit: 'percentunit',
      shape: 'number',
      thresholds: [0.05, 0.2],
      queries: [{ expr: 'celeriac:task_failures:ratio_rate30m', legend: 'failed' }],
    },
    {
      title: 'Workers alive',
      description: 'By their heartbeats, stock Celery workers included.',
      unit: 'short',
      shape: 'number',
      thresholds: [2, 1],
      queries: [{ expr: 'state:celeriac_workers:max{state="alive"}', legend: 'alive' }],
    },
    {
      title: 'Slots in use',
      description: 'Of all slots of the fleet. At 100 % operators wait.',
      unit: 'percentunit',
      shape: 'number',
      thresholds: [0.9, 1],
      queries: [
        {
          expr: 'sum(executor_state:celeriac_fleet_slots:max{state="busy"}) / sum(executor_state:celeriac_fleet_slots:max)',
          legend: 'busy',
        },
      ],
    },
    {
      title: 'Partitions owned',
      description: 'All 8, or some runs stand still.',
      unit: 'short',
      shape: 'number',
      thresholds: [8, 7],
      queries: [{ expr: 'sum(partition:celeriac_scheduler_is_leader:sum)', legend: 'partitions' }],
    },
    {
      title: 'Parked messages',
      description: 'Malformed messages in celeriac.dead-letter.',
      unit: 'short',
      shape: 'number',
      thresholds: [1, 100],
      queries: [
        { expr: 'queue:celeriac_queue_messages:max{queue="celeriac.dead-letter"}', legend: 'parked' },
      ],
    },
  ],
}
