import {
  booleanSetting,
  choiceSetting,
  integerSetting,
  listSetting,
  optionalSetting,
  setting,
} from '@celeriac/runtime'
import type { ScaleRange } from '@celeriac/tasks'
import { z } from 'zod'

/** Where plain tasks run that do not say; `child` is a process per task at a time. */
export const poolNames = ['inline', 'child', 'thread'] as const

const seconds = { min: 1, max: 31_536_000 }

/** Settings of plain tasks, which a worker runs beside operators; part of the worker's. */
export const plainTaskSettings = {
  import: setting({
    type: listSetting(),
    env: 'CELERIAC_IMPORT',
    default: [],
    description:
      'Modules that declare plain tasks, separated by commas: paths or names of packages; together they export one application.',
  }),
  pool: setting({
    type: choiceSetting(poolNames),
    env: 'CELERIAC_POOL',
    default: 'inline',
    description:
      'Where plain tasks run: inline (in the event loop), child (processes, which can be killed) or thread.',
  }),
  autoscale: optionalSetting({
    type: scaleSetting(),
    env: 'CELERIAC_AUTOSCALE',
    description: 'Most and fewest plain tasks at a time, as max,min; default: --concurrency, fixed.',
  }),
  taskEvents: setting({
    type: booleanSetting(),
    env: 'CELERIAC_TASK_EVENTS',
    default: false,
    description: 'Send the events of plain tasks, for monitors (-E).',
  }),
  prefetchMultiplier: setting({
    type: integerSetting({ min: 1, max: 1_000 }),
    env: 'CELERIAC_PREFETCH_MULTIPLIER',
    default: 4,
    description: 'Plain tasks held per queue, for each that can run at a time.',
  }),
  timeLimit: optionalSetting({
    type: integerSetting(seconds),
    env: 'CELERIAC_TIME_LIMIT',
    description: 'Seconds after which a plain task without a limit of its own is killed; default: no limit.',
  }),
  softTimeLimit: optionalSetting({
    type: integerSetting(seconds),
    env: 'CELERIAC_SOFT_TIME_LIMIT',
    description:
      'Seconds after which a plain task without a limit of its own is told to end; default: no limit.',
  }),
  maxTasksPerTaskChild: optionalSetting({
    type: integerSetting({ min: 1, max: 1_000_000 }),
    env: 'CELERIAC_MAX_TASKS_PER_TASK_CHILD',
    description:
      'A child of --pool child or thread is replaced after this many plain tasks; default: no limit.',
  }),
  maxMemoryPerTaskChildMib: optionalSetting({
    type: integerSetting({ min: 16, max: 16_777_216 }),
    env: 'CELERIAC_MAX_MEMORY_PER_TASK_CHILD_MIB',
    description:
      'A process of --pool child is replaced after a plain task that left it with more memory, in MiB; default: no limit.',
  }),
} as const

/** `max,min` as Celery has it, or `max` alone; an object in the file. */
function scaleSetting(): z.ZodType<ScaleRange> {
  const count = z.int().min(1).max(1_024)
  return z.preprocess(
    (value) => {
      if (typeof value !== 'string') return value
      const [max, min = '1', ...more] = value.split(',').map((part) => part.trim())
      return more.length > 0 ? value : { max: Number(max), min: Number(min) }
    },
    z
      .strictObject({ max: count, min: count }, { error: 'must be given as max,min' })
      .refine(({ max, min }) => min <= max, { error: 'the first number is the larger one: max,min' }),
  ) as z.ZodType<ScaleRange>
}
