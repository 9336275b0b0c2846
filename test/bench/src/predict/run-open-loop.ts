/** Starts the open loop, and the peer that it is measured against, in processes of their own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HttpTarget } from './http-load.ts'
import type { OpenLoopConfig, OpenLoopReport } from './open-loop.ts'

export interface Offer {
  readonly perSecond: number
  readonly seconds: number
  readonly sockets: number
}

export async function openLoop(
  { url, headers, body }: HttpTarget,
  offer: Offer,
  dataDir: string,
): Promise<OpenLoopReport> {
  const { hostname, port, pathname } = new URL(url)
  const head = Object.entries({
    host: `${hostname}:${port}`,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  const config: OpenLoopConfig = {
    ...offer,
    host: hostname,
    port: Number(port),
    request: `POST ${pathname} HTTP/1.1\r\n${head.join('')}\r\n${body}`,
  }
  const file = join(dataDir, 'open-loop.json')
  writeFileSync(file, JSON.stringify(config))
  const child = spawn(process.execPath, [programOf('open-loop'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the open loop ended with ${code}`)
  return JSON.parse(output) as OpenLoopReport
}

/** The same requests to a bare server that answers 503 at once. */
export async function openLoopToBare(
  target: HttpTarget,
  offer: Offer,
  dataDir: string,
): Promise<OpenLoopReport> {
  const child = spawn(process.execPath, [programOf('bare-refusals')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  try {
    const [port] = (await once(child.stdout, 'data')) as [Buffer]
    const { pathname } = new URL(target.url)
    const url = `http://127.0.0.1:${Number(port.toString())}${pathname}`
    return await openLoop({ ...target, url }, offer, dataDir)
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

const programOf = (name: string): string => join(import.meta.dirname, `${name}.js`)
