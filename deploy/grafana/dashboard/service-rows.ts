import type { Row } from './panels.ts'
import { chosen, predictRoutes, quantile, rate } from './queries.ts'

export const engineRow: Row = {
  title: 'Engine',
  panels: [
    {
      title: 'Lag',
      description: 'Age of the oldest event that a scheduler has received and not committed. 0: none.',
      unit: 's',
      queries: [{ expr: `celeriac_scheduler_lag_seconds{${chosen}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Backlog and outbox',
      description:
        'Events received and not taken up; operators that are ready and whose message is not confirmed.',
      unit: 'short',
      queries: [
        { expr: `celeriac_scheduler_backlog_events{${chosen}}`, legend: '{{instance}} backlog' },
        { expr: `celeriac_outbox_pending{${chosen}}`, legend: '{{instance}} outbox' },
      ],
    },
    {
      title: 'Partitions and runs per scheduler',
      description: 'Partitions that each owns, and the unfinished runs that it keeps in memory.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (instance) (celeriac_scheduler_is_leader{${chosen}})`,
          legend: '{{instance}} partitions',
        },
        { expr: `celeriac_scheduler_open_runs{${chosen}}`, legend: '{{instance}} runs' },
      ],
    },
    {
      title: 'Events',
      description:
        'Per second, by what became of them. Ignored ones are duplicates or late, which is normal; illegal is not.',
      unit: 'ops',
      shape: 'stacked',
      queries: [{ expr: rate('engine_events_total', 'disposition', chosen), legend: '{{disposition}}' }],
    },
    {
      title: 'Time of a batch',
      description: 'To advance and commit a batch of events.',
      unit: 's',
      queries: [
        {
          expr: quantile(0.5, 'scheduler_tick_duration_seconds', 'instance', chosen),
          legend: '{{instance}} p50',
        },
        {
          expr: quantile(0.95, 'scheduler_tick_duration_seconds', 'instance', chosen),
          legend: '{{instance}} p95',
        },
      ],
    },
    {
      title: 'Events per batch',
      description: 'On average. Under load it grows, which is what keeps the database up with the queue.',
      unit: 'short',
      queries: [
        {
          expr: `${rate('scheduler_batch_events_sum', 'instance', chosen)} / ${rate('scheduler_batch_events_count', 'instance', chosen)}`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Leases',
      description: 'Running attempts whose workers tell this scheduler each second that they are alive.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: `celeriac_scheduler_leases{${chosen}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Leases expired and partitions given up',
      description:
        'In the last 15 minutes. A lease expires when its worker is silent for 4 s; a scheduler without an answer from the database steps down.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (instance) (increase(celeriac_scheduler_leases_expired_total{${chosen}}[15m]))`,
          legend: '{{instance}} leases',
        },
        {
          expr: `sum by (instance) (increase(celeriac_scheduler_step_downs_total{${chosen}}[15m]))`,
          legend: '{{instance}} step-downs',
        },
      ],
    },
    {
      title: 'Runs set aside',
      description:
        'Runs that can neither be loaded nor stored; the log of the scheduler names them. 0 is normal.',
      unit: 'short',
      queries: [{ expr: `celeriac_scheduler_runs_set_aside{${chosen}}`, legend: '{{instance}}' }],
    },
  ],
}

export const httpRow: Row = {
  title: 'HTTP',
  panels: [
    {
      title: 'Requests',
      description: 'Per second, by status.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [
        { expr: rate('http_request_duration_seconds_count', 'status', chosen), legend: '{{status}}' },
      ],
    },
    {
      title: 'Slowest routes, p95',
      description:
        'The eight routes whose slowest twentieth takes longest, without event streams, which stay open.',
      unit: 's',
      queries: [
        {
          expr: `topk(8, ${quantile(0.95, 'http_request_duration_seconds', 'method, route', `${chosen}, route!~".*/events"`)})`,
          legend: '{{method}} {{route}}',
        },
      ],
    },
    {
      title: 'Predictions',
      description: 'Time from request to answer, in all protocols.',
      unit: 's',
      queries: [
        {
          expr: quantile(0.5, 'http_request_duration_seconds', '', `${chosen}, ${predictRoutes}`),
          legend: 'p50',
        },
        {
          expr: quantile(0.95, 'http_request_duration_seconds', '', `${chosen}, ${predictRoutes}`),
          legend: 'p95',
        },
      ],
    },
    {
      title: 'Predictions answered',
      description:
        'Per second, by status. 503 is shed, also when no worker serves them; 504 past its deadline.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [
        {
          expr: rate('http_request_duration_seconds_count', 'status', `${chosen}, ${predictRoutes}`),
          legend: '{{status}}',
        },
      ],
    },
    {
      title: 'Answers with 5xx',
      description: 'Share of the requests, predictions and the rest apart.',
      unit: 'percentunit',
      queries: [
        { expr: 'celeriac:http_errors:ratio_rate5m', legend: 'API' },
        { expr: 'celeriac:http_predict_errors:ratio_rate5m', legend: 'predictions' },
      ],
    },
    {
      title: 'Requests by route',
      description: 'Per second, the last five minutes.',
      unit: 'reqps',
      queries: [{ expr: 'sum by (route) (route_status:celeriac_http_requests:rate5m)', legend: '{{route}}' }],
    },
  ],
}

export const dependenciesRow: Row = {
  title: 'Broker and database',
  panels: [
    {
      title: 'Broker connections',
      description: 'Of schedulers and workers, by state. blocked: RabbitMQ has a memory or disk alarm.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: `sum by (state) (celeriac_broker_state{${chosen}})`, legend: '{{state}}' }],
    },
    {
      title: 'Reconnects',
      description: 'Connections to RabbitMQ made again, in the last 15 minutes.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (instance) (increase(celeriac_broker_reconnects_total{${chosen}}[15m]))`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Publisher confirms, p95',
      description: 'Until RabbitMQ has stored a batch of messages.',
      unit: 's',
      queries: [{ expr: 'job:celeriac_publish_confirm_duration_seconds:p95_rate5m', legend: '{{job}}' }],
    },
    {
      title: 'Slowest database operations, p95',
      description: 'The eight that take longest.',
      unit: 's',
      queries: [
        {
          expr: 'topk(8, operation:celeriac_store_operation_duration_seconds:p95_rate5m)',
          legend: '{{operation}}',
        },
      ],
    },
    {
      title: 'Database operations',
      description: 'Per second. error: the database was not reached or failed.',
      unit: 'ops',
      queries: [
        { expr: rate('store_operation_duration_seconds_count', 'outcome', chosen), legend: '{{outcome}}' },
      ],
    },
    {
      title: 'Operators published',
      description: 'Messages per second that RabbitMQ confirmed, by executor.',
      unit: 'ops',
      queries: [{ expr: rate('tasks_published_total', 'executor', chosen), legend: '{{executor}}' }],
    },
  ],
}
