/**
 * Requests at a set rate, whether or not earlier ones have been answered: what a service meets that its callers do not
 * wait for. A process of its own (`open-loop.js CONFIG.json`), on bare sockets that are open before the first second,
 * since it shares the machine with what it measures. It prints one JSON line.
 *
 * Request i is due at i / rate, and its time counts from then, so that a generator that is late, or a service that holds
 * up its sockets, hides nothing. One that finds no socket free waits in line for the next; after 100 ms it is given up,
 * and counted as unsent.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAnswer } from './answer-bytes.ts'
import { TimeHistogram, type TimeFigures } from './time-histogram.ts'

export interface OpenLoopConfig {
  readonly host: string
  readonly port: number
  /** A whole HTTP/1.1 request. */
  readonly request: string
  readonly perSecond: number
  readonly seconds: number
  readonly sockets: number
}

export interface StatusFigures {
  readonly count: number
  /** From when the request was due. */
  readonly due: TimeFigures
  /** From when it was written: without what the generator itself was late. */
  readonly written: TimeFigures
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

/** Nobody waits longer for a socket. */
const patienceMs = 100
/** Answers that are still under way at the end are waited for so long. */
const lastAnswersMs = 10_000

interface Line {
  readonly socket: Socket
  isBusy: boolean
  dueAt: number
  writtenAt: number
  /** Of an answer that came in pieces. */
  received: Buffer | null
}

interface Tally {
  count: number
  readonly due: TimeHistogram
  readonly written: TimeHistogram
}

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as OpenLoopConfig
const bytes = Buffer.from(config.request)
/** All of them read into the same memory: it is looked at before the next one reads. */
const reading = Buffer.allocUnsafe(65_536)
const idle: Line[] = []
const tallies = new Map<number, Tally>()
const seconds: Record<string, number>[] = []
const total = Math.round(config.perSecond * config.seconds)
/** 0 of the statuses: the connection broke. */
const broken = 0
let [startedAt, isOver, next, sent, unsent, open, retryAfterMissing] = [0, false, 0, 0, 0, 0, 0]

const dueOf = (index: number): number => startedAt + (index * 1_000) / config.perSecond

function newLine(onOpen: () => void): void {
  const socket = connect({
    host: config.host,
    port: config.port,
    noDelay: true,
    onread: {
      buffer: reading,
      callback: (size, chunk) => {
        onBytes(line, Buffer.from(chunk.buffer, chunk.byteOffset, size))
        return true
      },
    },
  })
  const line: Line = { socket, isBusy: false, dueAt: 0, writtenAt: 0, received: null }
  socket.on('connect', onOpen)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    const place = idle.indexOf(line)
    if (place >= 0) idle.splice(place, 1)
    if (line.isBusy) note(line, broken)
    if (!isOver) newLine(() => undefined)
  })
  idle.push(line)
}

function write(line: Line, now: number): void {
  line.isBusy = true
  line.dueAt = dueOf(next++)
  line.writtenAt = now
  sent++
  open++
  line.socket.write(bytes)
}

function onBytes(line: Line, chunk: Buffer): void {
  if (!line.isBusy) return
  const all = line.received === null ? chunk : Buffer.concat([line.received, chunk])
  const answer = readAnswer(all)
  if (answer === null) {
    line.received = Buffer.from(all)
    return
  }
  line.received = null
  if (answer.status === 503 && !answer.hasRetryAfter) retryAfterMissing++
  const now = note(line, answer.status)
  if (answer.isLast) line.socket.destroy()
  else if (next < total && dueOf(next) <= now) write(line, now)
  else idle.push(line)
}

function note(line: Line, status: number): number {
  line.isBusy = false
  open--
  const now = performance.now()
  let tally = tallies.get(status)
  if (tally === undefined) {
    tally = { count: 0, due: new TimeHistogram(), written: new TimeHistogram() }
    tallies.set(status, tally)
  }
  tally.count++
  tally.due.add(now - line.dueAt)
  tally.written.add(now - line.writtenAt)
  const counts = (seconds[Math.floor((now - startedAt) / 1_000)] ??= {})
  counts[status] = (counts[status] ?? 0) + 1
  return now
}

/** What has become due goes out, as far as there are sockets; what has waited too long for one does not any more. */
function sendDue(): void {
  const now = performance.now()
  for (; next < total && dueOf(next) < now - patienceMs; next++) unsent++
  while (next < total && dueOf(next) <= now) {
    const line = idle.pop()
    if (line === undefined) return
    write(line, now)
  }
}

let opened = 0
await new Promise<void>((resolve) => {
  for (let index = 0; index < config.sockets; index++)
    newLine(() => {
      if (++opened === config.sockets) resolve()
    })
})
startedAt = performance.now()
while (next < total) {
  sendDue()
  await sleep(1)
}
for (const until = performance.now() + lastAnswersMs; open > 0 && performance.now() < until;) await sleep(20)
isOver = true
const report: OpenLoopReport = {
  sent,
  unsent,
  byStatus: Object.fromEntries(
    [...tallies].map(([status, { count, due, written }]) => [
      status === broken ? 'error' : String(status),
      { count, due: due.figures, written: written.figures },
    ]),
  ),
  seconds: Array.from(seconds, (counts) => counts ?? {}),
  retryAfterMissing,
}
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0))
