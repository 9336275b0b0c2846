import { isAppError, type OutgoingMessage, type PublishOutcome, type ScheduledTask } from '@celeriac/core'
import { encodeTaskCall, type MessageCodec } from '@celeriac/tasks'
import { declareMissingQueues } from '../declare-missing-queues.ts'
import type { BeatDeps } from './beat-deps.ts'

export const publishBatch = 100
/** How long a scheduler has the messages it took for itself: if it dies, another one sends them after this time. */
export const publishLeaseMs = 30_000

interface Outgoing {
  readonly id: string
  readonly message: OutgoingMessage
}

/**
 * Sends the messages of scheduled tasks. A task leaves the outbox when the broker has confirmed it. If this process dies
 * between the two, the message is sent again, under the same id: a task may be there twice, never not at all.
 * Gives how many were taken.
 */
export async function publishTasks(
  codec: MessageCodec,
  deps: Pick<BeatDeps, 'store' | 'broker' | 'topology' | 'clock' | 'logger' | 'metrics' | 'name'>,
): Promise<number> {
  const { store, broker, logger, metrics } = deps
  // Without a connection nothing is taken, so that nothing has to wait for the end of a lease afterwards.
  if (broker.state !== 'open') return 0
  const tasks = await store.claimScheduledTasks({ limit: publishBatch, leaseMs: publishLeaseMs })
  if (tasks.length === 0) return 0
  const failures: { id: string; code: string; message: string }[] = []
  const outgoing: Outgoing[] = []
  for (const task of tasks) {
    try {
      outgoing.push({ id: task.id, message: messageOf(task, codec, deps) })
    } catch (error) {
      if (!isAppError(error)) throw error
      failures.push({ id: task.id, code: error.code, message: error.message })
      logger.warn(
        { err: error, schedule: task.scheduleName, task_id: task.id },
        'scheduled task cannot be sent',
      )
    }
  }
  const outcomes = await publishAll(outgoing, failures, deps)
  for (const outcome of outcomes.values()) metrics.published(outcome)
  const confirmed = [...outcomes].flatMap(([id, outcome]) => (outcome === 'confirmed' ? [id] : []))
  for (const { id, scheduleName } of tasks) {
    const outcome = outcomes.get(id)
    if (outcome !== undefined && outcome !== 'confirmed')
      logger.warn(
        { schedule: scheduleName, task_id: id, outcome },
        'scheduled task was not sent; it is tried again',
      )
  }
  await store.removeScheduledTasks({ ids: confirmed, failures })
  return tasks.length
}

/** A message that is too large makes the broker refuse the whole call, so it is found out about one by one. */
async function publishAll(
  outgoing: readonly Outgoing[],
  failures: { id: string; code: string; message: string }[],
  deps: Pick<BeatDeps, 'broker' | 'logger'>,
): Promise<Map<string, PublishOutcome>> {
  const outcomes = new Map<string, PublishOutcome>()
  const publish = async (batch: readonly Outgoing[]): Promise<void> => {
    const told = await deps.broker.publish(batch.map(({ message }) => message))
    for (const [index, { id }] of batch.entries()) outcomes.set(id, told[index] ?? 'unknown')
  }
  try {
    await publish(outgoing)
  } catch (error) {
    if (!isAppError(error) || error.retryable) throw error
    for (const each of outgoing) {
      try {
        await publish([each])
      } catch (one) {
        if (!isAppError(one) || one.retryable) throw one
        failures.push({ id: each.id, code: one.code, message: one.message })
      }
    }
  }
  const unroutable = outgoing.filter(({ id }) => outcomes.get(id) === 'unroutable')
  const queues = unroutable.map(({ message }) => message.routingKey)
  if (queues.length > 0 && (await declareMissingQueues(queues, deps))) await publish(unroutable)
  return outcomes
}

function messageOf(
  { id, task, createdAt }: ScheduledTask,
  codec: MessageCodec,
  { topology, clock, name }: Pick<BeatDeps, 'topology' | 'clock' | 'name'>,
): OutgoingMessage {
  const expires = task.expiresS === null ? null : new Date(createdAt + task.expiresS * 1_000)
  return encodeTaskCall(
    {
      id,
      task: task.task,
      args: task.args,
      kwargs: task.kwargs,
      rootId: id,
      parentId: null,
      group: null,
      groupIndex: null,
      retries: 0,
      eta: null,
      expires: expires === null ? null : expires.toISOString().replace('Z', '+00:00'),
      timelimit: [task.timeLimitS, task.softTimeLimitS],
      shadow: null,
      origin: name,
      ignoreResult: task.ignoreResult,
      replacedTaskNesting: 0,
      stampedHeaders: null,
      stamps: {},
      headers: {},
      replyTo: null,
      priority: task.priority,
      properties: {},
      callbacks: null,
      errbacks: null,
      chain: null,
      chord: null,
    },
    {
      exchange: '',
      routingKey: task.queue ?? topology.celeryQueue,
      serializer: 'json',
      compression: null,
    },
    codec,
    clock.now(),
  )
}
