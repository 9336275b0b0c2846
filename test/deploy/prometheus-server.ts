import { dump, load } from 'js-yaml'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { z } from 'zod'
import { freePort } from '../support/processes.ts'
import { prometheusDir } from './rule-files.ts'

const configSchema = z.looseObject({
  global: z.looseObject({}),
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      authorization: z.object({ credentials_file: z.string() }).optional(),
    }),
  ),
})

/** A sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

const answerSchema = z.object({
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
})
const rulesSchema = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.looseObject({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
})
const targetsSchema = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ scrapeUrl: z.string(), health: z.string(), lastError: z.string() })),
  }),
})

/** A Prometheus with the configuration and rules of deploy/, except for addresses, the token's file and the pace. */
export class PrometheusServer {
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #url: string
  #output = ''

  private constructor(command: string, directory: string, port: number) {
    this.#directory = directory
    this.#url = `http://127.0.0.1:${port}`
    const args = [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    this.#child = spawn(command, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (text: Buffer) => (this.#output += String(text)))
  }

  /** `targets` by job name, as `host:port`. */
  static async start(options: {
    readonly command: string
    readonly token: string
    readonly targets: Readonly<Record<string, readonly string[]>>
  }): Promise<PrometheusServer> {
    const directory = await mkdtemp(join(tmpdir(), 'celeriac-prometheus-'))
    await cp(prometheusDir, directory, { recursive: true })
    const rules = await readFile(join(prometheusDir, 'recording.rules.yml'), 'utf8')
    await writeFile(join(directory, 'recording.rules.yml'), rules.replaceAll(/^ +interval: .*\n/gm, ''))
    const tokenFile = join(directory, 'token')
    await writeFile(tokenFile, options.token)
    const config = configSchema.parse(load(await readFile(join(prometheusDir, 'prometheus.yml'), 'utf8')))
    const scrapeConfigs = config.scrape_configs
      .filter((job) => job.job_name in options.targets)
      .map((job) => {
        const { dns_sd_configs: _, ...kept } = job
        const authorization = job.authorization && { credentials_file: tokenFile }
        return { ...kept, authorization, static_configs: [{ targets: options.targets[job.job_name] }] }
      })
    const pace = { scrape_interval: '1s', evaluation_interval: '1s' }
    await writeFile(
      join(directory, 'prometheus.yml'),
      dump(
        { ...config, global: { ...config.global, ...pace }, scrape_configs: scrapeConfigs },
        { skipInvalid: true },
      ),
    )
    const server = new PrometheusServer(options.command, directory, await freePort())
    try {
      await vi.waitFor(() => server.#get('/-/ready'), { timeout: 30_000, interval: 100 })
    } catch (cause) {
      await server.stop()
      throw new Error(`Prometheus is not ready:\n${server.#output}`, { cause })
    }
    return server
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const answer = answerSchema.parse(
      await (await this.#get(`/api/v1/query?${new URLSearchParams({ query: expr })}`)).json(),
    )
    return answer.data.result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }))
  }

  /** Rules that could not be evaluated. */
  async brokenRules(): Promise<readonly unknown[]> {
    const { data } = rulesSchema.parse(await (await this.#get('/api/v1/rules')).json())
    return data.groups.flatMap(({ rules }) => rules.filter(({ health }) => health !== 'ok'))
  }

  async targets() {
    return targetsSchema.parse(await (await this.#get('/api/v1/targets')).json()).data.activeTargets
  }

  async #get(path: string): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM')
      await once(this.#child, 'exit')
    }
    await rm(this.#directory, { recursive: true, force: true })
  }
}
