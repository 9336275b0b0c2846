import type { Topology } from '@celeriac/broker'
import { nearestName } from '@celeriac/contracts'
import type { Executor } from '@celeriac/core'
import { loadExecutor, reportServing, type ExecutorContext, type LogLimits } from '@celeriac/executors'
import type { WorkerConfig } from './config.ts'
import { configFault } from './config-fault.ts'

type ExecutorSettings = Pick<WorkerConfig, 'executors' | 'executor'>

const builtInQueues = ['local', 'predict']

/**
 * The own executors that a service knows: those of CELERIAC_EXECUTORS and those it has a module for. Throws
 * CONFIG_INVALID when the list is given, but a module is for an executor that is not in it: schedulers with that list
 * would refuse every document that names it.
 */
export function ownExecutorsOf({ executors, executor }: ExecutorSettings): readonly string[] {
  const unlisted = Object.keys(executor).filter((name) => executors.length > 0 && !executors.includes(name))
  if (unlisted.length > 0)
    throw configFault(
      unlisted.map((name) => {
        const nearest = nearestName(name, executors)
        const hint = nearest === undefined ? `known: ${executors.join(', ')}` : `did you mean ${nearest}?`
        return {
          setting: 'executor',
          source: '--executor',
          message: `${name} is not in CELERIAC_EXECUTORS, which must be the same for all services; ${hint}`,
        }
      }),
    )
  return [...new Set([...executors, ...Object.keys(executor)])]
}

/**
 * Queue → executor of its tasks. Predictions have a consumer and processes of their own. Throws
 * CONFIG_INVALID for a queue that this worker has no executor for, and for a module that cannot be loaded.
 */
export async function executorsByQueue(
  names: readonly string[],
  parts: {
    readonly topology: Topology
    readonly local: Executor
    /** Own executor → its module. */
    readonly modules: Readonly<Record<string, string>>
    readonly context: Omit<ExecutorContext, 'name'>
    readonly logs: LogLimits
  },
): Promise<ReadonlyMap<string, Executor>> {
  const { topology, local, modules, context, logs } = parts
  const known = [...builtInQueues, ...Object.keys(modules)]
  const unknown = names.filter((name) => !known.includes(name))
  const problems = unknown.map((name) => `there is no executor '${name}' in this worker`)
  if (problems.length > 0)
    throw configFault(
      problems.map((problem) => ({
        setting: 'queues',
        source: 'CELERIAC_QUEUES',
        message: `${problem}; known: ${known.join(', ')}`,
      })),
    )
  const served = new Map<string, Executor>()
  if (names.includes('local')) served.set(topology.executorQueue('local'), reportServing(local))
  for (const [name, module] of Object.entries(modules))
    if (names.includes(name))
      served.set(topology.executorQueue(name), await loadExecutor(module, { ...context, name }, { logs }))
  return served
}
