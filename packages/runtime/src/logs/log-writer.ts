import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogLine } from '@celeriac/core'

/**
 * Appends log lines of one attempt to its file, one JSON object per line.
 *
 * `append` only fills a buffer; one write at a time takes all of it, so that thousands of lines cost a few writes and
 * an attempt without output costs none (not even a file). Only whole lines are written: a reader may see a partial
 * last line during a write, never after. A file system that fails must not fail the attempt: the fault goes to
 * `onError`, the lines of that write are lost. When the file system cannot keep up, lines beyond the buffer are
 * dropped, and a line says how many; lines of the stream `system` never are: they say what else was left out.
 */
export interface LogWriter {
  append(lines: readonly LogLine[]): void
  /** Resolves when everything appended so far is written. */
  flush(): Promise<void>
  /** Flushes; later lines are dropped. Idempotent. */
  close(): Promise<void>
}

export interface LogWriterOptions {
  readonly path: string
  /** Default 4 MiB of text. */
  readonly maxBufferedCharacters?: number
  readonly onError?: (error: unknown) => void
}

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { path, maxBufferedCharacters = 4 * 1024 * 1024, onError } = options
  let buffer: string[] = []
  let buffered = 0
  let dropped = 0
  let isClosed = false
  let hasDirectory = false
  let writing: Promise<void> | null = null

  const takeBuffer = (): string => {
    if (dropped > 0) buffer.push(encodeLine(droppedNotice(dropped)))
    const text = buffer.join('')
    buffer = []
    buffered = 0
    dropped = 0
    return text
  }

  const writeAll = async (): Promise<void> => {
    // One turn later, so that lines appended in the same turn share the write.
    await Promise.resolve()
    while (buffer.length > 0) {
      const text = takeBuffer()
      try {
        if (!hasDirectory) await mkdir(dirname(path), { recursive: true })
        hasDirectory = true
        await appendFile(path, text)
      } catch (error) {
        onError?.(error)
      }
    }
    writing = null
  }

  const flush = async (): Promise<void> => {
    while (writing !== null) await writing
  }

  return {
    append: (lines) => {
      if (isClosed) return
      for (const line of lines) {
        const encoded = encodeLine(line)
        if (line.stream !== 'system' && buffered + encoded.length > maxBufferedCharacters) {
          dropped += 1
          continue
        }
        buffer.push(encoded)
        buffered += encoded.length
      }
      if (buffer.length > 0) writing ??= writeAll()
    },
    flush,
    close: () => {
      isClosed = true
      return flush()
    },
  }
}

const encodeLine = (line: LogLine): string =>
  `${JSON.stringify({ at: line.at, stream: line.stream, text: line.text })}\n`

const droppedNotice = (count: number): LogLine => ({
  at: Date.now(),
  stream: 'system',
  text: `${count} lines were dropped: the disk could not keep up`,
})
