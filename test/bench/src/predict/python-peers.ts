/** The two usual ways in Python: a FastAPI service, and Celery with the model in its worker. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { PeerProcess } from '../tasks/peer-process.ts'
import { freePort, untilReady } from './celeriac.ts'
import type { HttpTarget } from './http-load.ts'
import { columns, type Row } from './sample-data.ts'

export type PeerModel = 'lr' | 'gbdt'

const folder = join(import.meta.dirname, '..', '..', 'python')

export interface PythonOptions {
  /** An interpreter with `python/predict-requirements.txt`. */
  readonly python: string
  /** Where the fitted models are. */
  readonly models: string
  readonly amqpUrl: string
  readonly redisUrl: string
}

/** Fits the models; the probabilities that they give to the first rows. */
export function fitModels(python: string, data: string, directory: string): Record<PeerModel, number[]> {
  const { status, stdout, stderr } = spawnSync(python, [join(folder, 'predict_models.py'), data, directory], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`predict_models.py ended with ${status}:\n${stderr}`)
  return z.object({ lr: z.array(z.number()), gbdt: z.array(z.number()) }).parse(JSON.parse(stdout))
}

const environmentOf = (
  { models, amqpUrl, redisUrl }: PythonOptions,
  queue: string,
): Record<string, string> => ({
  BENCH_MODELS: models,
  BENCH_COLUMNS: columns.join(','),
  BENCH_AMQP_URL: amqpUrl,
  BENCH_BACKEND: redisUrl,
  BENCH_QUEUE: queue,
  // One thread each: with two processes on two cores, BLAS' own threads only get in the way.
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  PYTHONDONTWRITEBYTECODE: '1',
})

/** `uvicorn --workers 2`, with uvloop and httptools. */
export class FastApiPeer {
  readonly #process: PeerProcess
  readonly #url: string

  private constructor(process: PeerProcess, url: string) {
    this.#process = process
    this.#url = url
  }

  static async start(options: PythonOptions): Promise<FastApiPeer> {
    const port = await freePort()
    const serve = ['-m', 'uvicorn', 'predict_service:app', '--workers', '2', '--log-level', 'warning']
    const command = [options.python, ...serve, '--no-access-log', '--port', String(port)] as const
    const process = new PeerProcess('fastapi', command, environmentOf(options, ''), folder)
    const url = `http://127.0.0.1:${port}`
    await process.during(untilReady(url, '/health'))
    return new FastApiPeer(process, url)
  }

  target(model: PeerModel, rows: readonly Row[]): HttpTarget {
    return { url: `${this.#url}/predict/${model}`, headers: {}, body: JSON.stringify({ rows }) }
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}

const measuredSchema = z.object({ taken: z.array(z.number()), seconds: z.number(), answer: z.number() })

/** A worker with two processes, and a client in Python: no HTTP on the way. */
export class CeleryPeer {
  readonly #worker: PeerProcess
  readonly #client: PeerProcess
  readonly #answers: AsyncIterator<string>

  constructor(options: PythonOptions) {
    const queue = 'bench-predict'
    const env = environmentOf(options, queue)
    const serve = ['-m', 'celery', '-A', 'predict_celery', 'worker', '--loglevel', 'WARNING']
    const pool = ['--pool', 'prefork', '-c', '2', '--hostname', `${queue}@bench`]
    this.#worker = new PeerProcess('celery worker', [options.python, ...serve, ...pool], env, folder)
    this.#client = new PeerProcess('celery client', [options.python, 'predict_celery.py'], env, folder)
    const { stdout } = this.#client.child
    if (stdout === null) throw new TypeError('the client of Celery has a standard output')
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }

  async measure(
    name: PeerModel,
    row: Row,
    load: { readonly calls: number; readonly threads: number },
  ): Promise<z.output<typeof measuredSchema>> {
    this.#client.child.stdin?.write(`${JSON.stringify({ name, row, ...load })}\n`)
    const line = await this.#worker.during(this.#client.during(this.#answers.next()))
    return measuredSchema.parse(JSON.parse(line.value as string))
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    await this.#worker.stop()
  }
}
