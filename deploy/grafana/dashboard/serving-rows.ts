import type { Row } from './panels.ts'
import { chosen, predictRoutes, quantile, rate } from './queries.ts'

export const servingOverviewRow: Row = {
  title: 'At a glance',
  panels: [
    {
      title: 'Predictions',
      description: 'Requests per second that were answered, in all protocols.',
      unit: 'reqps',
      shape: 'number',
      queries: [
        {
          expr: 'sum(rate(celeriac_gateway_prediction_duration_seconds_count[5m]))',
          legend: 'answered',
        },
      ],
    },
    {
      title: 'p99',
      description:
        'One answer in a hundred took longer, in the last five minutes. Requests have 5 s by default.',
      unit: 's',
      shape: 'number',
      thresholds: [0.5, 2.5],
      queries: [{ expr: 'celeriac:gateway_prediction_duration_seconds:p99_rate5m', legend: 'p99' }],
    },
    {
      title: 'Failed',
      description: 'Share of the requests that were answered with 5xx, in the last five minutes.',
      unit: 'percentunit',
      shape: 'number',
      thresholds: [0.01, 0.05],
      queries: [{ expr: 'celeriac:http_predict_errors:ratio_rate5m', legend: 'failed' }],
    },
    {
      title: 'Refused',
      description:
        'Share of the requests that were refused because there was too much to do: a part of those that failed.',
      unit: 'percentunit',
      shape: 'number',
      thresholds: [0.001, 0.01],
      queries: [{ expr: 'celeriac:gateway_predictions_shed:ratio_rate5m', legend: 'refused' }],
    },
    {
      title: 'Predict workers',
      description: 'Consumers of the queue celeriac.predict: one for each worker that serves predictions.',
      unit: 'short',
      shape: 'number',
      thresholds: [2, 1],
      queries: [{ expr: 'queue:celeriac_queue_consumers:max{queue="celeriac.predict"}', legend: 'workers' }],
    },
    {
      title: 'Largest PSI',
      description: 'Of all versions that were served in the last 24 hours. A dash: too few scores to say.',
      unit: 'short',
      shape: 'number',
      thresholds: [0.1, 0.25],
      queries: [{ expr: 'max(model_version:celeriac_predict_psi:increase24h)', legend: 'PSI' }],
    },
  ],
}

export const requestsRow: Row = {
  title: 'Requests, as the schedulers see them',
  panels: [
    {
      title: 'Requests by outcome',
      description:
        'Per second: ok, or the code of the error. Those refused before their body was read are not in it: see Refused by reason.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [{ expr: rate('gateway_predictions_total', 'code', chosen), legend: '{{code}}' }],
    },
    {
      title: 'Time to the answer',
      description: 'From a checked request to its predictions.',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((q) => ({
        expr: quantile(q, 'gateway_prediction_duration_seconds', '', chosen),
        legend: `p${q * 100}`,
      })),
    },
    {
      title: 'Refused by reason',
      description:
        'Per second. full: the limit of the model; deadline: would have been late; no_worker: nobody serves predictions.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [{ expr: rate('gateway_predictions_shed_total', 'reason', chosen), legend: '{{reason}}' }],
    },
    {
      title: 'HTTP requests by protocol',
      description:
        'Per second and status: predict is native JSON, infer the Open Inference Protocol, invocations MLflow.',
      unit: 'reqps',
      queries: [
        {
          expr: rate('http_request_duration_seconds_count', 'route, status', `${chosen}, ${predictRoutes}`),
          legend: '{{route}} {{status}}',
        },
      ],
    },
    {
      title: 'In flight',
      description:
        'Predictions that callers wait for, of each model, and how many may wait. At the limit requests are refused.',
      unit: 'short',
      queries: [
        { expr: `sum by (model) (celeriac_predict_in_flight{${chosen}})`, legend: '{{model}}' },
        { expr: `sum by (model) (celeriac_predict_limit{${chosen}})`, legend: '{{model}} limit' },
      ],
    },
    {
      title: 'Rows of a message',
      description:
        'Rows that a scheduler sends to a worker at a time: requests that arrive together share a message.',
      unit: 'short',
      queries: [0.5, 0.95].map((q) => ({
        expr: quantile(q, 'gateway_message_rows', '', chosen),
        legend: `p${q * 100}`,
      })),
    },
  ],
}

export const predictWorkersRow: Row = {
  title: 'Predict workers',
  panels: [
    {
      title: 'Rows scored',
      description: 'Per second. native: in the process of the worker; python: in its Python processes.',
      unit: 'ops',
      shape: 'stacked',
      queries: [{ expr: rate('serving_inferences_total', 'runtime', chosen), legend: '{{runtime}}' }],
    },
    {
      title: 'Waiting in the worker',
      description: 'Time from the arrival of a call to the start of its scoring.',
      unit: 's',
      queries: [0.5, 0.99].map((q) => ({
        expr: quantile(q, 'serving_queue_seconds', 'runtime', chosen),
        legend: `{{runtime}} p${q * 100}`,
      })),
    },
    {
      title: 'Scoring',
      description: 'Time to score a batch.',
      unit: 's',
      queries: [0.5, 0.99].map((q) => ({
        expr: quantile(q, 'serving_compute_seconds', 'runtime', chosen),
        legend: `{{runtime}} p${q * 100}`,
      })),
    },
    {
      title: 'Rows of a batch',
      description: 'On average. In Python it grows under load, which is what keeps it up.',
      unit: 'short',
      queries: [
        {
          expr: `${rate('serving_batch_rows_sum', 'runtime', chosen)} / ${rate('serving_batch_rows_count', 'runtime', chosen)}`,
          legend: '{{runtime}}',
        },
      ],
    },
    {
      title: 'Waiting for Python',
      description: 'Rows that wait for a Python process of their worker.',
      unit: 'short',
      queries: [
        { expr: `sum by (instance) (celeriac_serving_queued_rows{${chosen}})`, legend: '{{instance}}' },
      ],
    },
    {
      title: 'Calls by outcome',
      description:
        'Calls per second that workers took. invalid: rows that do not fit; deadline: too late when it was their turn.',
      unit: 'ops',
      shape: 'stacked',
      queries: [{ expr: rate('serving_requests_total', 'outcome', chosen), legend: '{{outcome}}' }],
    },
    {
      title: 'Models in memory',
      description: 'Of each worker. python: summed over its Python processes.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (instance, runtime) (celeriac_serving_models_loaded{${chosen}})`,
          legend: '{{instance}} {{runtime}}',
        },
      ],
    },
    {
      title: 'Memory of the models',
      description: 'About. Beyond CELERIAC_PREDICT_MEMORY_MIB the least recently used leave.',
      unit: 'bytes',
      queries: [
        {
          expr: `sum by (instance, runtime) (celeriac_serving_model_bytes{${chosen}})`,
          legend: '{{instance}} {{runtime}}',
        },
      ],
    },
    {
      title: 'Loads, evictions and repeats',
      description:
        'In the last 15 minutes. Loads and evictions in turn: the memory is too small. process_died: a Python process ended.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (outcome) (increase(celeriac_serving_model_loads_total{${chosen}}[15m]))`,
          legend: 'loads {{outcome}}',
        },
        {
          expr: `sum(increase(celeriac_serving_model_evictions_total{${chosen}}[15m]))`,
          legend: 'evictions',
        },
        {
          expr: `sum by (reason) (increase(celeriac_serving_batch_retries_total{${chosen}}[15m]))`,
          legend: 'again: {{reason}}',
        },
      ],
    },
  ],
}

export const trafficRow: Row = {
  title: 'Versions',
  panels: [
    {
      title: 'Requests by version',
      description: 'Per second that were answered, by the version that did.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [
        {
          expr: rate('gateway_predictions_total', 'model, version', `${chosen}, code="ok"`),
          legend: '{{model}} {{version}}',
        },
      ],
    },
    {
      title: 'Sides of the traffic',
      description: 'Answers per second of primary and canary, and of versions that callers named (pinned).',
      unit: 'reqps',
      shape: 'stacked',
      queries: [
        { expr: rate('gateway_prediction_duration_seconds_count', 'route', chosen), legend: '{{route}}' },
      ],
    },
    {
      title: 'Time to the answer by side, p95',
      description: 'Whether a canary is slower than what it is to replace.',
      unit: 's',
      queries: [
        { expr: quantile(0.95, 'gateway_prediction_duration_seconds', 'route', chosen), legend: '{{route}}' },
      ],
    },
    {
      title: 'Shadow',
      description:
        'Requests per second that a shadow was asked as well, by whether it answered the same. dropped: there was no capacity to spare.',
      unit: 'reqps',
      shape: 'stacked',
      queries: [{ expr: rate('gateway_shadow_predictions_total', 'outcome', chosen), legend: '{{outcome}}' }],
    },
    {
      title: 'Routes read anew',
      description:
        'In the last 15 minutes. event: aliases or traffic were changed; revision: the news of it did not arrive.',
      unit: 'short',
      queries: [
        {
          expr: `sum by (reason) (increase(celeriac_gateway_route_refreshes_total{${chosen}}[15m]))`,
          legend: '{{reason}}',
        },
      ],
    },
    {
      title: 'Errors by version',
      description: 'Per second, of the versions that are known; a fault of the caller counts as well.',
      unit: 'reqps',
      queries: [
        {
          expr: rate('gateway_predictions_total', 'model, version, code', `${chosen}, code!="ok"`),
          legend: '{{model}} {{version}} {{code}}',
        },
      ],
    },
  ],
}
