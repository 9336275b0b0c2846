import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'

interface Link {
  readonly client: Socket
  readonly upstream: Socket
}

/** A TCP proxy on a port of its own that can misbehave: stands between a program under test and its server. */
export class TcpProxy {
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #links = new Set<Link>()
  /** Server sides whose client was taken away. */
  readonly #orphans = new Set<Socket>()
  #isPaused = false
  #isRefusing = false
  #accepted = 0

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(0, '127.0.0.1', resolve)
    })
    return proxy
  }

  /** A proxy for the host and port of `url`, and the URL that goes through it. */
  static async before(url: string): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
    const through = new URL(url)
    const port = through.port === '' ? defaultPorts[through.protocol] : Number(through.port)
    if (port === undefined) throw new Error(`no default port for ${through.protocol}`)
    const proxy = await TcpProxy.open({ host: through.hostname, port })
    through.hostname = '127.0.0.1'
    through.port = String(proxy.port)
    return { proxy, url: through.href }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size
  }

  /** Connections that were ever made. */
  get accepted(): number {
    return this.#accepted
  }

  /** Resets all connections, on both sides. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.resetAndDestroy()
      upstream.resetAndDestroy()
    }
    this.#links.clear()
  }

  /** Resets the clients' side only: the server goes on believing in its connections, until `cutOrphans`. */
  cutClients(): void {
    for (const link of this.#links) {
      this.#links.delete(link)
      this.#orphans.add(link.upstream)
      link.client.resetAndDestroy()
    }
  }

  cutOrphans(): void {
    for (const upstream of this.#orphans) upstream.resetAndDestroy()
    this.#orphans.clear()
  }

  /** From now on no byte passes, in either direction; connections stay open, new ones are accepted and hang. */
  pause(): void {
    this.#isPaused = true
    for (const { client, upstream } of this.#links) {
      client.pause()
      upstream.pause()
    }
  }

  resume(): void {
    this.#isPaused = false
    for (const { client, upstream } of this.#links) {
      client.resume()
      upstream.resume()
    }
  }

  /** New connections are reset at once. */
  refuse(): void {
    this.#isRefusing = true
  }

  /** Takes back `refuse`. */
  admit(): void {
    this.#isRefusing = false
  }

  /** Writes bytes to all clients as if the server had sent them. */
  sendToClients(bytes: Uint8Array): void {
    for (const { client } of this.#links) client.write(bytes)
  }

  /** Writes bytes to the server as if the clients had sent them. */
  sendToServer(bytes: Uint8Array): void {
    for (const { upstream } of this.#links) upstream.write(bytes)
  }

  async close(): Promise<void> {
    this.cut()
    this.cutOrphans()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined)
    if (this.#isRefusing) {
      client.resetAndDestroy()
      return
    }
    this.#accepted++
    const upstream = connect({ ...this.#target, allowHalfOpen: true })
    upstream.on('error', () => client.destroy())
    const link: Link = { client, upstream }
    this.#links.add(link)
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => client.write(chunk))
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
    client.on('close', () => {
      if (this.#orphans.has(upstream)) return
      this.#links.delete(link)
      upstream.destroy()
    })
    upstream.on('close', () => {
      this.#orphans.delete(upstream)
      client.destroy()
    })
    if (this.#isPaused) {
      client.pause()
      upstream.pause()
    }
  }
}

const defaultPorts: Readonly<Record<string, number>> = {
  'amqp:': 5672,
  'postgres:': 5432,
  'postgresql:': 5432,
  'redis:': 6379,
}
