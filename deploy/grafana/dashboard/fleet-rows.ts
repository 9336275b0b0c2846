import type { Row } from './panels.ts'
import { chosen, rate } from './queries.ts'

export const fleetRow: Row = {
  title: 'Fleet',
  panels: [
    {
      title: 'Workers',
      description: 'lost: fell silent without a farewell, forgotten after 10 minutes.',
      unit: 'short',
      queries: [{ expr: 'state:celeriac_workers:max', legend: '{{state}}' }],
    },
    {
      title: 'Slots',
      description: 'Of the whole fleet, by executor.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: 'executor_state:celeriac_fleet_slots:max', legend: '{{executor}} {{state}}' }],
    },
    {
      title: 'Python processes',
      description: 'Of the chosen workers, by state.',
      unit: 'short',
      shape: 'stacked',
      queries: [{ expr: `sum by (state) (celeriac_executor_processes{${chosen}})`, legend: '{{state}}' }],
    },
    {
      title: 'Python processes replaced',
      description:
        'Per second. recycled after its share of attempts is normal; died and start_failed are not.',
      unit: 'ops',
      queries: [{ expr: rate('executor_process_restarts_total', 'reason', chosen), legend: '{{reason}}' }],
    },
    {
      title: 'Waiting for a Python process',
      description: 'Attempts and predictions that a worker holds and has no process for.',
      unit: 'short',
      queries: [{ expr: `sum by (instance) (celeriac_executor_waiting{${chosen}})`, legend: '{{instance}}' }],
    },
    {
      title: 'Deliveries',
      description: 'Messages per second that workers took from executor queues, by what was done with them.',
      unit: 'ops',
      queries: [{ expr: rate('broker_deliveries_total', 'disposition', chosen), legend: '{{disposition}}' }],
    },
  ],
}

/** Of each scheduler and worker: what Node measures about itself. */
export const processesRow: Row = {
  title: 'Node processes',
  panels: [
    {
      title: 'Memory',
      description: 'Resident memory of the Node process. Python processes are not in it: see sizing.md.',
      unit: 'bytes',
      queries: [
        { expr: `process_resident_memory_bytes{job=~"celeriac-.*", ${chosen}}`, legend: '{{instance}}' },
      ],
    },
    {
      title: 'CPU',
      description: 'Cores in use by the Node process. Its own work is done by one.',
      unit: 'short',
      queries: [
        {
          expr: `rate(process_cpu_seconds_total{job=~"celeriac-.*", ${chosen}}[$__rate_interval])`,
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Event loop delay, p99',
      description: 'How long Node keeps what is due waiting. Above 0.1 s the process is overloaded.',
      unit: 's',
      queries: [
        { expr: `nodejs_eventloop_lag_p99_seconds{job=~"celeriac-.*", ${chosen}}`, legend: '{{instance}}' },
      ],
    },
    {
      title: 'Clock offset',
      description:
        'By how much the clock of the machine is ahead of (or behind) the time by which limits and retries are measured. Other than about 0 after somebody set it.',
      unit: 's',
      isSigned: true,
      queries: [{ expr: `celeriac_clock_offset_seconds{${chosen}}`, legend: '{{instance}}' }],
    },
  ],
}
