import { AppError } from '@celeriac/core'

export interface TarEntry {
  /** Path inside of the archive, with `/`. Any text: what 100 bytes of ASCII cannot hold goes into a header of its own. */
  readonly path: string
  readonly size: number
  /** Exactly `size` bytes. */
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

const block = 512
/** Eleven octal digits. */
const mostBytes = 8 ** 11 - 1

/**
 * A tar archive of files (POSIX.1-2001, "pax": https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html).
 * The owner is nobody, the time 1970: the same files make the same archive.
 *
 * @throws AppError INTERNAL_ERROR when an entry is too large or not as long as it says; the archive is useless then
 */
export async function* tarArchive(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const { path, size, content } of entries) {
    const isPlain = /^[\x20-\x7e]{1,100}$/.test(path)
    if (!isPlain) {
      const record = paxRecord('path', path)
      yield header({ path: 'pax', size: record.length, type: 'x' })
      yield padded(record)
    }
    yield header({ path: isPlain ? path : 'file', size, type: '0' })
    let sent = 0
    for await (const chunk of content) {
      sent += chunk.length
      if (sent > size) break
      yield chunk
    }
    if (sent !== size)
      throw new AppError('INTERNAL_ERROR', 'a file has changed while it was packed', {
        details: { path, size },
      })
    if (size % block !== 0) yield new Uint8Array(block - (size % block))
  }
  yield new Uint8Array(2 * block)
}

function header({
  path,
  size,
  type,
}: {
  readonly path: string
  readonly size: number
  readonly type: '0' | 'x'
}): Uint8Array {
  if (size > mostBytes)
    throw new AppError('INTERNAL_ERROR', 'a file is too large for the archive', { details: { path, size } })
  const bytes = Buffer.alloc(block)
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
  const fields: readonly (readonly [at: number, text: string])[] = [
    [0, path],
    [100, octal(0o644, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(0, 11)],
    // The checksum counts its own field as blanks.
    [148, ' '.repeat(8)],
    [156, type],
    [257, 'ustar\u000000'],
  ]
  for (const [at, text] of fields) bytes.write(text, at, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${octal(sum, 6)} `, 148, 'latin1')
  return bytes
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = Buffer.from(` ${key}=${value}\n`)
  let length = rest.length
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / block) * block)
  whole.set(bytes)
  return whole
}
