import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Opens a connection and sends this text, as no well-behaved client would. */
export function openRaw({ url }: { readonly url: string }, text: string | Uint8Array): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
  // A server may well cut such a connection.
  socket.on('error', () => undefined)
  return socket
}

/** All that the server sends until it closes the connection. */
export function readRaw(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk as Buffer))
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString()
      if (text === '') reject(new Error('the server closed the connection without an answer'))
      else resolve(parse(text))
    })
  })
}

/** One request, byte by byte as given; the connection is closed after the answer. */
export const raw = (
  server: { readonly url: string },
  requestLine: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<RawAnswer> => {
  const lines = Object.entries({ host: 'x', connection: 'close', ...headers }).map(([k, v]) => `${k}: ${v}`)
  return readRaw(openRaw(server, `${requestLine}\r\n${lines.join('\r\n')}\r\n\r\n${body}`))
}

function parse(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const body = rest.join('\r\n\r\n')
  const isChunked = headers['transfer-encoding'] === 'chunked'
  return { status: Number(statusLine.split(' ')[1]), headers, body: isChunked ? unchunk(body) : body }
}

function unchunk(text: string): string {
  let body = ''
  for (let rest = text; ;) {
    const end = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, end), 16)
    if (!(size > 0)) return body
    body += rest.slice(end + 2, end + 2 + size)
    rest = rest.slice(end + 4 + size)
  }
}
