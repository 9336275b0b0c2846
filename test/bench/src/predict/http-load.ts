/** The two ways in which HTTP services are measured: one call after the other, and many connections at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { z } from 'zod'

export interface HttpTarget {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends one request and gives the body of its answer. Rejects unless that is 200. */
export function send(agent: Agent, { url, headers, body }: HttpTarget): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: 'POST', headers: headersOf(headers, body) }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`${url} answers ${response.statusCode}: ${text.slice(0, 500)}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const headersOf = (headers: Readonly<Record<string, string>>, body: string): Record<string, string> => ({
  'content-type': 'application/json',
  'content-length': String(Buffer.byteLength(body)),
  ...headers,
})

/** Milliseconds of each call, one after the other on one connection. */
export async function timeCalls(
  target: HttpTarget,
  calls: number,
  warmUp: number,
): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, noDelay: true })
  try {
    for (let index = 0; index < warmUp; index++) await send(agent, target)
    const taken: number[] = []
    for (let index = 0; index < calls; index++) {
      const startedAt = performance.now()
      await send(agent, target)
      taken.push(performance.now() - startedAt)
    }
    return taken
  } finally {
    agent.destroy()
  }
}

const reportSchema = z.object({
  duration: z.number(),
  errors: z.number(),
  timeouts: z.number(),
  non2xx: z.number(),
  '2xx': z.number(),
  latency: z.object({ p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() }),
})

export interface Load {
  /** Answers of 200 a second. */
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly failed: number
}

const autocannon = join(
  import.meta.dirname,
  '..',
  '..',
  'load',
  'node_modules',
  'autocannon',
  'autocannon.js',
)

/** As many requests as get answered over these connections, by autocannon in a process of its own. */
export async function loadFor(target: HttpTarget, seconds: number, connections: number): Promise<Load> {
  const headers = Object.entries(headersOf(target.headers, target.body)).filter(
    ([name]) => name !== 'content-length',
  )
  const options = [
    '-j',
    '-n',
    '-m',
    'POST',
    '-c',
    String(connections),
    '-d',
    String(seconds),
    '-b',
    target.body,
  ]
  const child = spawn(
    process.execPath,
    [autocannon, ...options, ...headers.flatMap(([name, value]) => ['-H', `${name}=${value}`]), target.url],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`autocannon ended with ${code}: ${errors}`)
  const report = reportSchema.parse(JSON.parse(output))
  return {
    perSecond: report['2xx'] / report.duration,
    p50: report.latency.p50,
    p99: report.latency.p99,
    max: report.latency.max,
    failed: report.errors + report.timeouts + report.non2xx,
  }
}
