import type { Logger } from '@celeriac/runtime'
import {
  ChildPool,
  loadTaskApp,
  spawnProcess,
  spawnThread,
  type Isolation,
  type PlainTasksOptions,
} from '@celeriac/tasks'
import path from 'node:path'
import type { WorkerConfig } from './config.ts'
import type { poolNames } from './plain-task-settings.ts'

export type PlainTaskSettings = Pick<
  WorkerConfig,
  | 'import'
  | 'pool'
  | 'autoscale'
  | 'taskEvents'
  | 'prefetchMultiplier'
  | 'timeLimit'
  | 'softTimeLimit'
  | 'maxTasksPerTaskChild'
  | 'maxMemoryPerTaskChildMib'
>

/** Of a worker that is given no modules. */
export const noPlainTasks: PlainTaskSettings = {
  import: [],
  pool: 'inline',
  autoscale: null,
  taskEvents: false,
  prefetchMultiplier: 4,
  timeLimit: null,
  softTimeLimit: null,
  maxTasksPerTaskChild: null,
  maxMemoryPerTaskChildMib: null,
}

const isolationOf = {
  inline: 'inline',
  child: 'process',
  thread: 'thread',
} as const satisfies Record<(typeof poolNames)[number], Isolation>

/** What a worker needs to run the tasks of these modules. Throws CONFIG_INVALID when they cannot be loaded. */
export async function plainTasksOf(
  settings: PlainTaskSettings,
  queues: readonly string[],
  logger: Logger,
): Promise<PlainTasksOptions> {
  const { autoscale, maxMemoryPerTaskChildMib: memoryMib } = settings
  // Children have the same working directory, but a package must not depend on it.
  const modules = settings.import.map((name) => (name.startsWith('.') ? path.resolve(name) : name))
  const isolation = isolationOf[settings.pool]
  const app = await loadTaskApp(modules)
  const childPool = (kind: 'process' | 'thread'): ChildPool =>
    new ChildPool({
      isolation: kind,
      spawn: kind === 'process' ? spawnProcess() : spawnThread(),
      modules,
      maxTasksPerChild: settings.maxTasksPerTaskChild,
      maxMemoryBytes: memoryMib === null ? null : memoryMib * 1_048_576,
      logger,
    })
  // Children cost memory: those of a pool that no task asks for are not started.
  const asked = new Set(app.tasks.names().map((name) => app.tasks.find(name)?.options.isolation ?? isolation))
  return {
    app,
    queues,
    isolation,
    pools: (['process', 'thread'] as const).filter((kind) => asked.has(kind)).map(childPool),
    ...(autoscale === null ? {} : { autoscale }),
    prefetchMultiplier: settings.prefetchMultiplier,
    timeLimit: settings.timeLimit,
    softTimeLimit: settings.softTimeLimit,
    sendsEvents: settings.taskEvents,
  }
}
