/**
 * A run each time that it changes, until it is final: by its event stream; by asking again and again while the server has
 * no stream to give (too many are open, or it is older than streams).
 */
import { isFinalRunState } from '@celeriac/core'
import { runEventSchema, runSchema, type RunView } from '@celeriac/contracts/http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../client/api-client.ts'
import { CliFault } from '../cli-fault.ts'
import { RunInMotion } from './run-in-motion.ts'

const pollMs = 250
/** Large runs make large answers: never spend more than about a fifth of the time on asking. */
const restFactor = 4
/** A server that restarts is back within this time; the run does not depend on it. */
const patienceMs = 60_000
/** A stream that was refused or broke off is asked for again after this time. */
const streamAgainMs = 5_000

/** The last one is final and whole. Throws the server's fault, or when it stays away for longer than a minute. */
export async function* runUpdates(
  client: ApiClient,
  runId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunView> {
  const path = `/api/v1/runs/${encodeURIComponent(runId)}`
  let reachedAt = Date.now()
  let streamAt = Date.now()
  for (;;) {
    const askedAt = Date.now()
    try {
      if (askedAt >= streamAt) {
        streamAt = Infinity
        for await (const run of streamed(client, `${path}/events`, signal)) {
          reachedAt = Date.now()
          if (!isFinalRunState(run.state)) yield run
        }
      }
    } catch (error) {
      const plan = afterStreamFault(error, signal)
      if (plan === 'throw') throw error
      if (plan === 'again') streamAt = Date.now() + streamAgainMs
    }
    try {
      // Also after the stream's end: it does not tell of outputs, earlier attempts and tracebacks.
      const run = await client.get(path, runSchema)
      reachedAt = Date.now()
      yield run
      if (isFinalRunState(run.state)) return
    } catch (error) {
      if (!isUnavailable(error) || Date.now() - reachedAt > patienceMs) throw error
    }
    const pauseMs = Math.max(pollMs, Math.min((Date.now() - askedAt) * restFactor, streamAgainMs))
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal })
  }
}

async function* streamed(
  client: ApiClient,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunView> {
  const motion = new RunInMotion()
  for await (const events of client.stream(path, runEventSchema, signal === undefined ? {} : { signal })) {
    for (const event of events) motion.apply(event)
    if (motion.run !== null) yield motion.run
    if (events.some(({ event }) => event === 'end')) return
  }
  // Without its end: the server stops, or the connection broke.
  throw new CliFault('unavailable', 'the stream of events broke off')
}

const isUnavailable = (error: unknown): boolean => error instanceof CliFault && error.reason === 'unavailable'

/** `never`: this server has no streams. The question for the run itself, which follows, tells all other faults. */
function afterStreamFault(error: unknown, signal: AbortSignal | undefined): 'again' | 'never' | 'throw' {
  if (signal?.aborted === true || !(error instanceof CliFault)) return 'throw'
  return error.reason === 'unavailable' ? 'again' : 'never'
}
