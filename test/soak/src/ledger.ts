import { decodeMeta } from '@celeriac/tasks'
import { Redis } from 'ioredis'
import { executionsKey, type SoakPlace } from './app.ts'
import { executionsOf, fateOf, finalStateOf } from './fate.ts'

export interface Ledger {
  /** Tasks by the state that is stored for them. */
  readonly states: Readonly<Record<string, number>>
  /** Starts of handlers beyond what the tasks asked for: those that a kill made necessary. */
  readonly furtherExecutions: number
  readonly faults: readonly string[]
}

const atOnce = 2_000

/** Compares what redis holds with what was drawn, task by task. */
export async function readLedger(
  { redisUrl, keyPrefix }: SoakPlace,
  {
    seed,
    tasks,
    idOf,
  }: { readonly seed: number; readonly tasks: number; readonly idOf: (index: number) => string },
): Promise<Ledger> {
  const client = new Redis(redisUrl)
  const states: Record<string, number> = {}
  const faults: string[] = []
  let furtherExecutions = 0
  try {
    for (let from = 0; from < tasks; from += atOnce) {
      const indices = Array.from({ length: Math.min(atOnce, tasks - from) }, (_, offset) => from + offset)
      const [metas, counts] = await Promise.all([
        client.mget(indices.map((index) => `${keyPrefix}celery-task-meta-${idOf(index)}`)),
        client.hmget(executionsKey(keyPrefix), ...indices.map(String)),
      ])
      for (const [offset, index] of indices.entries()) {
        const fate = fateOf(seed, index)
        const text = metas[offset]
        const { status, result } =
          typeof text === 'string' ? decodeMeta(text) : { status: 'none', result: null }
        states[status] = (states[status] ?? 0) + 1
        if (status !== finalStateOf(fate)) faults.push(`task ${index}, ${fate.kind}: ended with ${status}`)
        else if (status === 'SUCCESS' && result !== index)
          faults.push(`task ${index}, ${fate.kind}: has another task's result`)
        const executions = Number(counts[offset] ?? 0)
        const { least, most } = executionsOf(fate)
        if (executions < least) faults.push(`task ${index}, ${fate.kind}: started ${executions} times`)
        if (fate.kind === 'revoked_waiting' && executions > 0)
          faults.push(`task ${index}: was revoked before it was due, and ran`)
        furtherExecutions += Math.max(0, executions - most)
      }
    }
  } finally {
    client.disconnect()
  }
  return { states, furtherExecutions, faults }
}

/** Deletes all that the soak has written. */
export async function clearLedger({ redisUrl, keyPrefix }: SoakPlace): Promise<void> {
  const client = new Redis(redisUrl)
  try {
    const stream = client.scanStream({ match: `${keyPrefix}*`, count: 1_000 })
    for await (const keys of stream as AsyncIterable<string[]>) if (keys.length > 0) await client.unlink(keys)
  } finally {
    client.disconnect()
  }
}
