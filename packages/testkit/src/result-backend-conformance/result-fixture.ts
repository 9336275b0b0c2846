import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ChordPart, ResultBackend, ResultRetention, TaskMeta } from '@celeriac/tasks'

/** A service that keeps results, to which backends connect. */
export interface ResultServiceUnderTest {
  /** A started backend: a process of its own. */
  connect(retention?: ResultRetention): Promise<ResultBackend>
  /** A backend that was not started. */
  create(): ResultBackend
  close(): Promise<void>
}

export type MakeResultService = () => Promise<ResultServiceUnderTest>

/** What a test of the suite works with; backends that it connects are stopped after it. */
export type UseResultService = () => Pick<ResultServiceUnderTest, 'connect' | 'create'>

export const aTaskId = (): string => randomUUID()

export const aMeta = (over: Partial<TaskMeta> = {}): TaskMeta => ({
  task_id: aTaskId(),
  status: 'SUCCESS',
  result: 4,
  traceback: null,
  children: [],
  date_done: '2026-11-21T00:16:56.839554+00:00',
  ...over,
})

export const startedMeta = (taskId: string): TaskMeta =>
  aMeta({ task_id: taskId, status: 'STARTED', result: { pid: 7, hostname: 'w1@host' }, date_done: null })

export const failedMeta = (taskId: string): TaskMeta =>
  aMeta({
    task_id: taskId,
    status: 'FAILURE',
    result: { exc_type: 'ValueError', exc_message: ['bad', 1], exc_module: 'builtins' },
    traceback: 'Traceback (most recent call last):\n  …',
  })

export const aPart = (over: Partial<ChordPart> & Pick<ChordPart, 'groupId'>): ChordPart => ({
  taskId: aTaskId(),
  groupIndex: null,
  state: 'SUCCESS',
  result: 1,
  ...over,
})

/** The header members of one chord, with their places. */
export function someParts(count: number, groupId: string = randomUUID()): readonly ChordPart[] {
  return Array.from({ length: count }, (_, groupIndex) => aPart({ groupId, groupIndex, result: groupIndex }))
}

export const waiting = { timeout: 15_000, interval: 10 }

/** Stores states for whoever reads at `reader`. */
export const storeFor = (
  writer: ResultBackend,
  reader: ResultBackend,
  ...metas: readonly TaskMeta[]
): Promise<void> => writer.store(metas.map((meta) => ({ meta, replyTo: reader.replyTo })))

/** Waits until the reader finds the task in this state, and gives it. */
export async function found(reader: ResultBackend, taskId: string, status: string): Promise<TaskMeta> {
  const find = async (): Promise<TaskMeta | undefined> => (await reader.find([taskId])).get(taskId)
  await expect.poll(async () => (await find())?.status, waiting).toBe(status)
  const meta = await find()
  if (meta === undefined) throw new Error('the result went away again')
  return meta
}

/** A watch that keeps what it is told. */
export async function watched(
  reader: ResultBackend,
  taskIds: readonly string[],
): Promise<{
  readonly metas: readonly TaskMeta[]
  readonly states: () => string[]
  readonly remove: () => void
}> {
  const metas: TaskMeta[] = []
  const remove = await reader.watch(taskIds, (meta) => metas.push(meta))
  return { metas, states: () => metas.map(({ status }) => status), remove }
}
