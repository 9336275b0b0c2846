/**
 * Requests at a set rate, whether or not earlier ones have been answered: what a service meets that its callers do not
 * wait for. A process of its own (`open-loop.js CONFIG.json`), on bare sockets, since it must not be the slowest part.
 * Each socket carries one request at a time; a request that finds none free and no more allowed is counted as unsent.
 * It prints one JSON line: answers and milliseconds by status, second by second.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../tasks/report.ts'

export interface OpenLoopConfig {
  readonly host: string
  readonly port: number
  /** A whole HTTP/1.1 request. */
  readonly request: string
  readonly perSecond: number
  readonly seconds: number
  readonly maxSockets: number
}

export interface StatusFigures {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface OpenLoopReport {
  readonly sent: number
  readonly unsent: number
  /** Status, or `error` → figures of all its answers. */
  readonly byStatus: Readonly<Record<string, StatusFigures>>
  /** For each second since the start: status → answers. */
  readonly seconds: readonly Readonly<Record<string, number>>[]
  readonly retryAfterMissing: number
}

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as OpenLoopConfig
const bytes = Buffer.from(config.request)
const idle: Socket[] = []
const taken = new Map<string, number[]>()
const seconds: Record<string, number>[] = []
const startedAt = performance.now()
let [sockets, sent, unsent, open, retryAfterMissing] = [0, 0, 0, 0, 0]

function note(status: string, sentAt: number): void {
  open -= 1
  const now = performance.now()
  const list = taken.get(status) ?? []
  taken.set(status, list)
  list.push(now - sentAt)
  const second = Math.floor((now - startedAt) / 1_000)
  const counts = (seconds[second] ??= {})
  counts[status] = (counts[status] ?? 0) + 1
}

function send(): void {
  const socket = idle.pop()
  if (socket === undefined && sockets >= config.maxSockets) {
    unsent += 1
    return
  }
  sent += 1
  open += 1
  ;(socket ?? newSocket()).emit('celeriac-send')
}

function newSocket(): Socket {
  sockets += 1
  const socket = connect({ host: config.host, port: config.port, noDelay: true })
  let [sentAt, received, isBusy] = [0, '', false]
  socket.setEncoding('latin1')
  socket.on('celeriac-send', () => {
    isBusy = true
    sentAt = performance.now()
    socket.write(bytes)
  })
  socket.on('data', (text: string) => {
    received += text
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = received.slice(0, end).toLowerCase()
    const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0)
    if (received.length < end + 4 + length) return
    const status = received.slice(9, 12)
    received = ''
    isBusy = false
    if (status === '503' && !head.includes('retry-after:')) retryAfterMissing += 1
    note(status, sentAt)
    if (head.includes('connection: close')) socket.destroy()
    else idle.push(socket)
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    sockets -= 1
    const place = idle.indexOf(socket)
    if (place >= 0) idle.splice(place, 1)
    if (isBusy) note('error', sentAt)
    isBusy = false
  })
  return socket
}

// In slices of 5 ms: what a late timer has missed is sent at once, as an open loop has to.
let due = 0
for (;;) {
  const elapsed = (performance.now() - startedAt) / 1_000
  for (const target = Math.min(elapsed, config.seconds) * config.perSecond; due < target; due++) send()
  if (elapsed >= config.seconds) break
  await sleep(5)
}
for (let waits = 0; open > 0 && waits < 200; waits++) await sleep(50)
const report: OpenLoopReport = {
  sent,
  unsent,
  byStatus: Object.fromEntries(
    [...taken].map(([status, list]) => [
      status,
      { count: list.length, p50: quantile(list, 0.5), p99: quantile(list, 0.99), max: quantile(list, 1) },
    ]),
  ),
  seconds: Array.from(seconds, (counts) => counts ?? {}),
  retryAfterMissing,
}
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0))
