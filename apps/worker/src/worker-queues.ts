import type { Topology } from '@celeriac/broker'
import type { WorkerConfig } from './config.ts'
import { configFault } from './config-fault.ts'

/** What a worker consumes: executors, by name, and queues of plain tasks. */
export interface ServedQueues {
  readonly executors: readonly string[]
  readonly plain: readonly string[]
}

const builtInExecutors = ['local', 'predict']

/**
 * What was asked for with `-Q`, each the name of an executor, the queue of one, or (with `--import`) any other queue. Else
 * `local`, `predict` and the own executors; with `--import` the queue that Celery's clients use by default and the own
 * executors: a program of plain tasks needs no Python.
 * @throws AppError CONFIG_INVALID for an empty list
 */
export function queuesToServe(
  { queues, executor, import: modules }: Pick<WorkerConfig, 'queues' | 'executor' | 'import'>,
  { celeryQueue, executorQueue }: Pick<Topology, 'celeryQueue' | 'executorQueue'>,
): ServedQueues {
  const own = Object.keys(executor)
  const takesTasks = modules.length > 0
  if (queues === null)
    return takesTasks
      ? { executors: own, plain: [celeryQueue] }
      : { executors: [...builtInExecutors, ...own], plain: [] }
  const known = [...builtInExecutors, ...own]
  const executorOf = (name: string): string | null =>
    known.find((each) => name === each || name === executorQueue(each)) ?? (takesTasks ? null : name)
  if (queues.length === 0)
    throw configFault([
      { setting: 'queues', source: 'CELERIAC_QUEUES', message: 'at least one queue is needed' },
    ])
  const names = [...new Set(queues)]
  return {
    executors: [...new Set(names.flatMap((name) => executorOf(name) ?? []))],
    plain: names.filter((name) => executorOf(name) === null),
  }
}
