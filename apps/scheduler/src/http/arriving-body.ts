/**
 * Bodies on their way. A sender may stall, on purpose or not: what waits for it waits for a limited time, and the answer
 * says so. Nothing here destroys the request, because its socket still has to carry that answer.
 */
import { AppError } from '@celeriac/core'
import type { Readable } from 'node:stream'

/** An upload that brings less than this in the time that it may stall is too slow to be waited for. */
const leastProgressBytes = 65_536

export interface ArrivalLimits {
  /** Longest time without progress: without 64 KiB more, or the end. */
  readonly stallMs: number
}

/** The chunks of a body. Throws VALIDATION_BODY_TIMEOUT; VALIDATION_BODY_INVALID when it breaks off. */
export async function* arrivingChunks(stream: Readable, { stallMs }: ArrivalLimits): AsyncGenerator<Buffer> {
  const chunks = stream.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let deadlineAt = performance.now() + stallMs
  let progress = 0
  for (;;) {
    const next = await inTime(chunks.next().catch(brokenOff), deadlineAt - performance.now())
    if (next.done === true) return
    progress += next.value.length
    if (progress >= leastProgressBytes) {
      progress = 0
      deadlineAt = performance.now() + stallMs
    }
    yield next.value
  }
}

/** What `work` gives; throws VALIDATION_BODY_TIMEOUT when that takes longer. */
export async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new AppError('VALIDATION_BODY_TIMEOUT', 'the request body did not arrive in time')),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
    // It may still fail, when nobody listens any more.
    work.catch(() => undefined)
  }
}

function brokenOff(cause: unknown): never {
  if (cause instanceof AppError) throw cause
  throw new AppError('VALIDATION_BODY_INVALID', 'the request body did not arrive in full', { cause })
}
