import { AppError, type CommitOutcome, type EngineBatch, type Store } from '@celeriac/core'
import type { EventLoop } from '../event-loop.ts'
import type { Random } from '../random.ts'
import type { SimProcess } from '../sim-process.ts'
import type { MemoryDatabase } from './memory-database.ts'

/** Is told what the database does, when it does it. */
export interface StoreWatch {
  /** Before it is carried out, so that what is there can be compared. */
  onCommit(batch: EngineBatch, process: SimProcess): () => void
}

export interface SimStoreDeps {
  readonly loop: EventLoop
  readonly random: Random
  readonly database: MemoryDatabase
  readonly process: SimProcess
  readonly watch: StoreWatch
  readonly latency: () => number
  /** Whether this process reaches the database now. */
  readonly isReachable: () => boolean
}

/** The operations of the Store port that the engine and the API use. */
const operations = [
  'registerDag',
  'createRun',
  'findRun',
  'findRunHead',
  'findOperatorTask',
  'listAttempts',
  'findModelVersion',
  'claimPartition',
  'listOpenRuns',
  'listQueuedRuns',
  'countOpenWork',
] as const satisfies readonly (keyof Store & keyof MemoryDatabase)[]

/**
 * The Store port of one process, over a network: a query takes time to get there, and its answer to come back. Where the
 * database cannot be reached when the answer is due, whether it was carried out is in doubt.
 */
export function createSimStore(deps: SimStoreDeps): Store {
  const { database, watch, process } = deps
  const own: Record<string, (argument: never) => Promise<unknown>> = {
    ping: () => call(deps, 'ping', () => undefined),
    commitBatch: (batch: EngineBatch) =>
      call(deps, 'commit', (): CommitOutcome => {
        const onCommitted = watch.onCommit(batch, process)
        const outcome = database.commitBatch(batch)
        if (outcome.kind === 'committed') onCommitted()
        return outcome
      }),
  }
  for (const name of operations)
    own[name] = (argument: never) =>
      call(deps, name, () => (database[name] as (argument: never) => unknown).call(database, argument))
  return new Proxy(own, {
    get: (_, name) => {
      const operation = own[String(name)]
      if (operation === undefined) throw new TypeError(`the simulation's store has no ${String(name)}`)
      return operation
    },
  }) as unknown as Store
}

function call<T>(deps: SimStoreDeps, what: string, query: () => T): Promise<T> {
  const { loop, random, process, latency, isReachable } = deps
  return new Promise<T>((resolve, reject) => {
    const refuse = (): void => {
      process.after(latency(), `${what} failed`, () =>
        reject(new AppError('STORE_UNAVAILABLE', 'the database cannot be reached')),
      )
    }
    if (!isReachable()) return refuse()
    loop.after(latency(), null, what, () => {
      // What a process sent before it was killed may have arrived, or not.
      if (!process.isAlive && random.chance(0.5)) return
      if (!isReachable()) return refuse()
      let answer: () => void
      try {
        const value = query()
        answer = () => resolve(value)
      } catch (error) {
        answer = () => reject(error)
      }
      process.after(latency(), `${what} answered`, () =>
        isReachable() ? answer() : reject(new AppError('STORE_UNAVAILABLE', 'the answer was lost')),
      )
    })
  })
}
