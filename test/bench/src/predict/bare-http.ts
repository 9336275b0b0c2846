/** Bare `node:http` on both ends: what is left of a lone call when nothing is computed and nobody else is asked. */
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PeerProcess } from '../tasks/peer-process.ts'
import type { HttpTarget } from './http-load.ts'

export class BareHttp {
  readonly #process: PeerProcess
  readonly #url: string

  private constructor(process: PeerProcess, url: string) {
    this.#process = process
    this.#url = url
  }

  static async start(): Promise<BareHttp> {
    const process_ = new PeerProcess('http', [process.execPath, join(import.meta.dirname, 'echo-server.js')])
    const { stdout } = process_.child
    if (stdout === null) throw new TypeError('the server has a standard output')
    const [port] = (await process_.during(once(createInterface({ input: stdout }), 'line'))) as [string]
    return new BareHttp(process_, `http://127.0.0.1:${port}/`)
  }

  /** Gets the same bytes as the services that compute something. */
  target(body: string): HttpTarget {
    return { url: this.#url, headers: {}, body }
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}
