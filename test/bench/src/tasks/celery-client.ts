import { createInterface } from 'node:readline'
import { z } from 'zod'
import { startCeleryClient, type Commands, type Place } from './subjects.ts'
import type { PeerProcess } from './peer-process.ts'

/** Python's side of the measurements: see `python/celery_bench.py`. */
export class CeleryClient {
  readonly #process: PeerProcess
  readonly #answers: AsyncIterator<string>

  constructor(place: Place, commands: Commands) {
    this.#process = startCeleryClient(place, commands)
    const { stdout } = this.#process.child
    if (stdout === null) throw new TypeError('the client of Celery has a standard output')
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }

  /** Seconds that these calls took, from the first one to the last one's end. */
  flow(tasks: number, warmUp: number): Promise<number> {
    return this.#ask({ do: 'flow', tasks, warm_up: warmUp }, z.number())
  }

  /** Milliseconds of each call. */
  latency(calls: number, warmUp: number): Promise<readonly number[]> {
    return this.#ask({ do: 'latency', calls, warm_up: warmUp }, z.array(z.number()))
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }

  async #ask<Answer>(request: object, schema: z.ZodType<Answer>): Promise<Answer> {
    this.#process.child.stdin?.write(`${JSON.stringify(request)}\n`)
    const line = await this.#process.during(this.#answers.next())
    return schema.parse(JSON.parse(line.value as string))
  }
}
