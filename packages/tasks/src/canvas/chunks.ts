import type { TaskObject } from '../message/task-value.ts'
import { canvasError, groupNode, taskNode, type GroupNode } from './node.ts'

/** What `celery.chunks` with these arguments stands for: a group of `celery.starmap`, each of at most `n` items. */
export function chunksGroup({ task, it, n }: TaskObject): GroupNode {
  if (!Array.isArray(it)) throw canvasError('what is to be cut in chunks is not a list')
  if (typeof n !== 'number' || !Number.isInteger(n) || n < 1)
    throw canvasError('the size of a chunk is not a positive whole number')
  const parts = Array.from({ length: Math.ceil(it.length / n) }, (_, index) =>
    it.slice(index * n, (index + 1) * n),
  )
  return groupNode(
    parts.map((part) =>
      taskNode('celery.starmap', { kwargs: { task: task ?? null, it: part }, immutable: true }),
    ),
  )
}
