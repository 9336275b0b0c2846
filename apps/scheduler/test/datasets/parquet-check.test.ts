import { AppError } from '@celeriac/core'
import fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ParquetCheck, type ParquetSchema } from '../../src/datasets/parquet-check.ts'
import { parseRename } from '../../src/datasets/rename.ts'

const sample = (name: string): Promise<Buffer> =>
  readFile(join(import.meta.dirname, 'parquet', `${name}.parquet`))

interface CheckOptions {
  readonly rename?: readonly string[]
  readonly chunk?: number
}

async function check(bytes: Buffer, options: CheckOptions = {}): Promise<ParquetSchema> {
  const size = options.chunk ?? 65_536
  const parquet = new ParquetCheck(parseRename(options.rename ?? []))
  for (let at = 0; at < bytes.length; at += size) await parquet.write(bytes.subarray(at, at + size))
  return parquet.end({
    bytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  })
}

async function problemsOf(bytes: Buffer, options: CheckOptions = {}): Promise<string[]> {
  try {
    await check(bytes, options)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'VALIDATION_DATASET_MALFORMED') throw error
    return (error.details['problems'] as { message: string }[]).map(({ message }) => message)
  }
  return []
}

test('reads rows, columns, types and missing cells from the footer, over all row groups', async () => {
  expect(await check(await sample('plain'))).toEqual({
    rows: 3,
    columns: [
      { name: '编号', type: 'integer', nulls: 1 },
      { name: 'share', type: 'number', nulls: 2 },
      { name: 'flag', type: 'boolean', nulls: 0 },
      { name: 'day', type: 'date', nulls: 0 },
      { name: 'at', type: 'datetime', nulls: 0 },
      { name: 'nanos', type: 'datetime', nulls: 0 },
      { name: 'time', type: 'string', nulls: 0 },
      { name: 'price', type: 'number', nulls: 0 },
      { name: 'name', type: 'string', nulls: 1 },
      { name: 'kind', type: 'string', nulls: 0 },
      { name: 'bytes', type: 'string', nulls: 0 },
      { name: 'small', type: 'integer', nulls: 0 },
      { name: 'nothing', type: 'string', nulls: 3 },
    ],
  })
})

test('gives the same schema however the bytes are cut', async () => {
  const bytes = await sample('plain')
  const whole = await check(bytes)
  for (const chunk of [1, 3, 7]) expect(await check(bytes, { chunk })).toEqual(whole)
})

test.each([
  ['no-rows', { rows: 0, columns: [{ name: 'name', type: 'string', nulls: 0 }] }],
  // Without statistics the footer does not say how many cells are missing.
  ['no-statistics', { rows: 3, columns: [{ name: 'name', type: 'string', nulls: null }] }],
  ['required', { rows: 2, columns: [{ name: 'a', type: 'integer', nulls: 0 }] }],
])('accepts %s', async (name, schema) => {
  expect(await check(await sample(name))).toEqual(schema)
})

test('renames columns, and refuses to rename one that is not there', async () => {
  const bytes = await sample('required')
  expect((await check(bytes, { rename: ['a:b'] })).columns[0]?.name).toBe('b')
  expect(await problemsOf(bytes, { rename: ['x:b'] })).toEqual([
    'there is no column "x" to rename; the columns are a',
  ])
})

test.each([
  ['nested', 'column "list" is nested; operators work on plain columns'],
  ['repeated', 'columns 1 and 2 are both named "a"'],
])('refuses a file with %s columns', async (name, problem) => {
  expect(await problemsOf(await sample(name))).toContain(problem)
})

describe('a damaged file', () => {
  const damaged = 'the Parquet file is damaged'

  test('that is cut off is said to be so, wherever the cut is', async () => {
    const bytes = await sample('plain')
    for (const length of [4, 8, 11, 12, 100, bytes.length - 1])
      expect(await problemsOf(bytes.subarray(0, length))).toEqual([
        'the Parquet file is cut off: its footer is missing',
      ])
  })

  test('that lost a part in its middle does not pass', async () => {
    const bytes = await sample('plain')
    const problems = await problemsOf(Buffer.concat([bytes.subarray(0, 100), bytes.subarray(900)]))
    expect(problems).toEqual([`${damaged}: its footer names bytes that it does not have`])
  })

  test.each([
    ['no footer', 0, `${damaged}: its footer would have 0 bytes`],
    ['a footer larger than the file', 4_000_000_000, `${damaged}: its footer would have 4000000000 bytes`],
    ['a footer that begins elsewhere', 20, `${damaged}: its footer cannot be read`],
  ])('with %s is refused', async (_what, length, problem) => {
    const bytes = Buffer.from(await sample('plain'))
    bytes.writeUInt32LE(length, bytes.length - 8)
    expect(await problemsOf(bytes)).toEqual([problem])
  })

  test('with a footer beyond the limit is refused without reading it', async () => {
    const bytes = Buffer.alloc(20_000_000)
    bytes.write('PAR1', 0)
    bytes.writeUInt32LE(17_000_000, bytes.length - 8)
    bytes.write('PAR1', bytes.length - 4)
    expect(await problemsOf(bytes)).toEqual([
      'the footer of the Parquet file has 17000000 bytes, the limit is 16777216',
    ])
  })

  test('is refused or read, but never a defect, whatever byte is wrong', async () => {
    const bytes = await sample('plain')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (changes) => {
          const changed = Buffer.from(bytes)
          for (const { at, byte } of changes) changed[at] = byte
          // problemsOf throws whatever is no VALIDATION_DATASET_MALFORMED.
          await problemsOf(changed)
        },
      ),
      { numRuns: 500 },
    )
  })
})

test('an encrypted file is refused as such', async () => {
  const bytes = Buffer.from(await sample('plain'))
  bytes.write('PARE', bytes.length - 4)
  expect(await problemsOf(bytes)).toEqual(['the Parquet file is encrypted'])
})

test('something else than Parquet is refused with its first bytes', async () => {
  const parquet = new ParquetCheck(parseRename([]))
  await parquet.write(Buffer.from('a,'))
  await expect(parquet.write(Buffer.from('b\n'))).rejects.toMatchObject({
    code: 'VALIDATION_DATASET_MALFORMED',
  })
  expect(await problemsOf(Buffer.from('PA'))).toEqual([
    'the file is not Parquet: it does not begin with PAR1',
  ])
})
