import { performance } from 'node:perf_hooks'
import { EventLoop } from '../src/event-loop.ts'
import { Random } from '../src/random.ts'

const realSetImmediate = globalThis.setImmediate
/** A little slower than real time: what takes a second in the simulation never takes less to those who wait outside. */
const pace = 0.95

/** Lets virtual time keep pace with real time, so that suites that wait in real time can drive a simulated server. */
export function startPump(seed: number): { readonly loop: EventLoop; readonly stop: () => Promise<void> } {
  const loop = new EventLoop(new Random(seed))
  const startedAt = performance.now()
  let isStopped = false
  const pump = async (): Promise<void> => {
    while (!isStopped) {
      await loop.run((performance.now() - startedAt) * pace, () => isStopped)
      await new Promise<void>((resolve) => realSetImmediate(resolve))
    }
  }
  const pumping = pump()
  return {
    loop,
    stop: async () => {
      isStopped = true
      await pumping
    },
  }
}
