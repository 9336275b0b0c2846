/** Celeriac as its users start it, with the two models of the benchmark deployed. */
import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { z } from 'zod'
import { PeerProcess } from '../tasks/peer-process.ts'
import type { HttpTarget } from './http-load.ts'
import type { Row } from './sample-data.ts'

export type Mode = 'amqp' | 'embedded'
export type ModelName = 'lr' | 'gbdt' | 'gbdt-python' | 'gp'

const cli = join(import.meta.dirname, '..', '..', '..', '..', 'apps', 'cli', 'bin', 'celeriac.mjs')
const token = 'bench-token'
const bearer = { authorization: `Bearer ${token}` }

export interface CeleriacOptions {
  readonly mode: Mode
  readonly amqpUrl: string
  readonly databaseUrl: string
  readonly dataDir: string
  readonly python: string
  /** Options of node in our processes, such as `--cpu-prof`. */
  readonly nodeOptions: readonly string[]
  /** With algorithms of the benchmark's own. */
  readonly algorithmsDir?: string
}

/** A scheduler and a worker on RabbitMQ and PostgreSQL, or everything in one process. */
export class Celeriac {
  readonly #processes: PeerProcess[] = []
  #url = ''
  #drop: () => Promise<void> = async () => {}

  static async start(options: CeleriacOptions): Promise<Celeriac> {
    const celeriac = new Celeriac()
    try {
      await celeriac.#start(options)
      return celeriac
    } catch (error) {
      await celeriac.stop()
      throw error
    }
  }

  async #start({
    mode,
    amqpUrl,
    databaseUrl,
    dataDir,
    python,
    nodeOptions,
    algorithmsDir,
  }: CeleriacOptions): Promise<void> {
    const name = `bench_${randomBytes(4).toString('hex')}`
    mkdirSync(join(dataDir, name))
    const env: Record<string, string> = {
      CELERIAC_DATA_DIR: join(dataDir, name),
      CELERIAC_API_TOKEN: token,
      CELERIAC_LOG_LEVEL: 'warn',
      CELERIAC_PYTHON: python,
      ...(algorithmsDir === undefined ? {} : { CELERIAC_ALGORITHMS_DIR: algorithmsDir }),
    }
    const start = async (command: readonly string[]): Promise<string> => {
      const port = await freePort()
      const all = [process.execPath, ...nodeOptions, cli, ...command] as const
      const process_ = new PeerProcess(command.join(' '), all, { ...env, CELERIAC_HTTP_PORT: String(port) })
      this.#processes.push(process_)
      const url = `http://127.0.0.1:${port}`
      await process_.during(untilReady(url))
      return url
    }
    if (mode === 'embedded') {
      this.#url = await start(['standalone', '--concurrency', '2'])
      return
    }
    const admin = new pg.Client({ connectionString: databaseUrl })
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    this.#drop = async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.end()
    }
    const url = new URL(databaseUrl)
    url.pathname = `/${name}`
    Object.assign(env, {
      CELERIAC_AMQP_URL: amqpUrl,
      CELERIAC_DATABASE_URL: url.href,
      CELERIAC_QUEUE_PREFIX: `${name}.`,
    })
    const migrate = new PeerProcess('migrate', [process.execPath, cli, 'migrate'], env)
    await once(migrate.child, 'exit')
    this.#url = await start(['scheduler'])
    await start(['worker', '--concurrency', '2'])
  }

  /** Uploads the data, trains both models and deploys them. */
  async deploy(csv: string): Promise<void> {
    await this.#call('/api/v1/datasets?id=1&name=bench', csv, 'text/csv', z.unknown())
    await this.run(document)
  }

  /** Runs a DAG to its end; the data is there by then. */
  async run(dag: string): Promise<void> {
    const submitted = await this.#call('/api/v1/runs', dag, 'application/yaml', z.object({ id: z.string() }))
    for (;;) {
      const response = await fetch(`${this.#url}/api/v1/runs/${submitted.id}`, { headers: bearer })
      const { state } = z.object({ state: z.string() }).parse(await response.json())
      if (state === 'succeeded') return
      if (state !== 'queued' && state !== 'running') throw new Error(`the training run is ${state}`)
      await sleep(100)
    }
  }

  target(model: ModelName, rows: readonly Row[]): HttpTarget {
    return {
      url: `${this.#url}/api/v1/models/bench-${model}/predict`,
      headers: bearer,
      body: JSON.stringify({ rows }),
    }
  }

  async #call<T>(path: string, body: string, contentType: string, schema: z.ZodType<T>): Promise<T> {
    const headers = { ...bearer, 'content-type': contentType }
    const response = await fetch(`${this.#url}${path}`, { method: 'POST', headers, body })
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
    return schema.parse(await response.json())
  }

  /** Of the scheduler and the worker, or of the one process. */
  get pids(): readonly number[] {
    return this.#processes.map(({ child }) => child.pid ?? 0)
  }

  /** Processes by what they do, for the time that each spends. */
  get pidsByName(): Readonly<Record<string, number>> {
    const [first = 0, second] = this.pids
    return second === undefined ? { standalone: first } : { scheduler: first, worker: second }
  }

  async stop(): Promise<void> {
    for (const each of this.#processes.toReversed()) await each.stop()
    await this.#drop()
  }
}

/** The probabilities in an answer. */
export const probabilitiesOf = (answer: string): readonly number[] =>
  z
    .object({ predictions: z.array(z.object({ predict_probability: z.number() })) })
    .parse(JSON.parse(answer))
    .predictions.map((prediction) => prediction.predict_probability)

const document = `
name: predict-bench
dag:
  operator_list: [read, standardize, lr, gbdt, deploy_lr, deploy_gbdt, deploy_gbdt_python]
  operator_rels:
    read: [{ target: standardize, source_index: 0, target_index: 0 }]
    standardize:
      - { target: lr, source_index: 0, target_index: 0 }
      - { target: gbdt, source_index: 0, target_index: 0 }
    lr: [{ target: deploy_lr, source_index: 0, target_index: 0 }]
    gbdt:
      - { target: deploy_gbdt, source_index: 0, target_index: 0 }
      - { target: deploy_gbdt_python, source_index: 0, target_index: 0 }
  operator_details:
    read: { algo_name: algo_local_read_file, params: { data_id: 1 } }
    standardize: { algo_name: algo_local_standardize, params: { exclude: [label] } }
    lr: { algo_name: algo_local_model_2c_l, params: { y_col: label, pre_value: 1, penalty: l2, C: 1 } }
    gbdt:
      algo_name: algo_local_model_gbdt
      params: { y_col: label, pre_value: 1, n_estimators: 100, max_depth: 3, random_state: 0 }
    deploy_lr: { algo_name: algo_local_model_deploy, params: { name: bench-lr, alias: champion } }
    deploy_gbdt: { algo_name: algo_local_model_deploy, params: { name: bench-gbdt, alias: champion } }
    deploy_gbdt_python:
      algo_name: algo_local_model_deploy
      params: { name: bench-gbdt-python, alias: champion, runtime: python }
`

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export async function untilReady(url: string, path = '/readyz'): Promise<void> {
  for (;;) {
    const status = await fetch(`${url}${path}`).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200) return
    await sleep(100)
  }
}
