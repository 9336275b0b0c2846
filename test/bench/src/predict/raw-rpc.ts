/** RPC over RabbitMQ's direct reply-to on the bare driver, with a body as long as the benchmark's request. */
import { join } from 'node:path'
import { PeerProcess } from '../tasks/peer-process.ts'
import { RawClient } from '../tasks/raw-client.ts'
import type { Turn } from './report.ts'
import { quantile } from '../tasks/report.ts'

export class RawRpc {
  readonly #client: RawClient
  readonly #worker: PeerProcess

  private constructor(client: RawClient, worker: PeerProcess) {
    this.#client = client
    this.#worker = worker
  }

  static async start(amqpUrl: string): Promise<RawRpc> {
    const queue = 'bench-predict-raw'
    const client = await RawClient.connect(amqpUrl, queue)
    const program = join(import.meta.dirname, '..', 'tasks', 'raw-worker.js')
    return new RawRpc(client, new PeerProcess('raw', [process.execPath, program, amqpUrl, queue, '512']))
  }

  /** Milliseconds of each call, one after the other. */
  calls(count: number): Promise<readonly number[]> {
    return this.#worker.during(this.#calls(count))
  }

  async measure(calls: number, connections: number, seconds: number): Promise<Omit<Turn, 'cold'>> {
    const alone = await this.calls(calls)
    const endsAt = performance.now() + seconds * 1_000
    const loaded: number[] = []
    const startedAt = performance.now()
    const loops = Array.from({ length: connections }, async () => {
      while (performance.now() < endsAt) loaded.push(...(await this.#calls(1)))
    })
    await this.#worker.during(Promise.all(loops))
    return {
      p50: quantile(alone, 0.5),
      p99: quantile(alone, 0.99),
      perSecond: (loaded.length * 1_000) / (performance.now() - startedAt),
      loadedP50: quantile(loaded, 0.5),
      loadedP99: quantile(loaded, 0.99),
      failed: 0,
    }
  }

  async #calls(count: number): Promise<number[]> {
    const taken: number[] = []
    for (let index = 0; index < count; index++) {
      const startedAt = performance.now()
      await this.#client.call(false)
      taken.push(performance.now() - startedAt)
    }
    return taken
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    await this.#client.close()
  }
}
