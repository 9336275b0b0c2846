import { type FileHandle, open } from 'node:fs/promises'
import type { LogLine } from '@celeriac/core'

export interface LogPage {
  readonly lines: readonly LogLine[]
  /** Byte offset to read on from: always the start of a line. */
  readonly nextOffset: number
  /** True when the file holds no further whole line at the moment. */
  readonly eof: boolean
}

export interface LogPageQuery {
  /** Byte offset of the first line; one within a line counts as the start of the next. */
  readonly offset: number
  /** Default 1,000. */
  readonly maxLines?: number
  /** Bytes read at once, and so the longest line that is shown. Default 256 KiB. */
  readonly maxBytes?: number
}

const newline = 0x0a

/**
 * Reads whole lines of a log file from a byte offset, at most one buffer of it. A partial last line (a write under
 * way) is left for the next call. A missing file is an empty one: an attempt without output has none.
 */
export async function readLogPage(path: string, query: LogPageQuery): Promise<LogPage> {
  const { offset, maxLines = 1_000, maxBytes = 256 * 1024 } = query
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return { lines: [], nextOffset: offset, eof: true }
    throw error
  }
  try {
    const start = await startOfLine(file, offset, maxBytes)
    if (start === null) return { lines: [], nextOffset: offset, eof: true }
    const chunk = await readChunk(file, start, maxBytes)
    const page = splitLines(chunk, maxLines)
    if (page.bytes > 0) {
      const nextOffset = start + page.bytes
      const isMoreHere = chunk.includes(newline, page.bytes)
      const isWholeFile = chunk.length < maxBytes
      const eof = !isMoreHere && (isWholeFile || (await afterNewline(file, nextOffset, maxBytes)) === null)
      return { lines: page.lines, nextOffset, eof }
    }
    if (chunk.length < maxBytes) return { lines: [], nextOffset: start, eof: true }
    return await skipLongLine(file, start, maxBytes)
  } finally {
    await file.close()
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

async function readChunk(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  const { bytesRead } = await file.read(buffer, 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** Offset behind the first newline at or after `from`; null when there is none yet. */
async function afterNewline(file: FileHandle, from: number, chunkBytes: number): Promise<number | null> {
  for (let position = from; ;) {
    const chunk = await readChunk(file, position, chunkBytes)
    if (chunk.length === 0) return null
    const index = chunk.indexOf(newline)
    if (index >= 0) return position + index + 1
    position += chunk.length
  }
}

const startOfLine = async (file: FileHandle, offset: number, chunkBytes: number): Promise<number | null> =>
  offset <= 0 ? 0 : await afterNewline(file, offset - 1, chunkBytes)

function splitLines(chunk: Buffer, maxLines: number): { lines: LogLine[]; bytes: number } {
  const lines: LogLine[] = []
  let bytes = 0
  while (lines.length < maxLines) {
    const end = chunk.indexOf(newline, bytes)
    if (end < 0) break
    lines.push(decodeLine(chunk.toString('utf8', bytes, end)))
    bytes = end + 1
  }
  return { lines, bytes }
}

/** A line that no buffer holds would stop every reader: it is passed over, and said so. */
async function skipLongLine(file: FileHandle, start: number, maxBytes: number): Promise<LogPage> {
  const end = await afterNewline(file, start, maxBytes)
  if (end === null) return { lines: [], nextOffset: start, eof: true }
  const text = `a line of ${end - start} bytes is too long to be shown`
  return { lines: [{ at: 0, stream: 'system', text }], nextOffset: end, eof: false }
}

const streams: ReadonlySet<unknown> = new Set(['stdout', 'stderr', 'system'])

/** Lines that someone else wrote into the file are shown as they are. */
function decodeLine(text: string): LogLine {
  try {
    const line = JSON.parse(text) as Partial<LogLine> | null
    if (typeof line?.at === 'number' && streams.has(line.stream) && typeof line.text === 'string') {
      return { at: line.at, stream: line.stream as LogLine['stream'], text: line.text }
    }
  } catch {
    // not JSON: shown raw below
  }
  return { at: 0, stream: 'system', text }
}
