import { AppError } from '@celeriac/core'
import { expect, test } from 'vitest'
import { CsvCheck, type CsvSchema } from '../../src/datasets/csv-check.ts'
import { parseRename } from '../../src/datasets/rename.ts'

async function check(
  content: string | Buffer,
  options: { rename?: string[]; chunk?: number } = {},
): Promise<CsvSchema> {
  const bytes = Buffer.from(content)
  const size = options.chunk ?? 65_536
  const csv = new CsvCheck(parseRename(options.rename ?? []))
  for (let at = 0; at < bytes.length; at += size) await csv.write(bytes.subarray(at, at + size))
  return csv.end()
}

/** `line: message` of each problem. */
async function problemsOf(content: string | Buffer, options: { rename?: string[]; chunk?: number } = {}) {
  try {
    await check(content, options)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'VALIDATION_DATASET_MALFORMED') throw error
    const problems = error.details['problems'] as { line: number | null; message: string }[]
    return problems.map(({ line, message }) => `${line ?? '-'}: ${message}`)
  }
  return []
}

test('counts rows and infers the narrowest type of each column', async () => {
  const schema = await check(
    'id,share,flag,day,at,text,empty\n1,0.5,true,2026-01-31,2026-01-31T10:00:00Z,a,\n2,1e3,FALSE,2026-02-01,2026-02-01 11:30,,NA\n',
  )
  expect(schema.rows).toBe(2)
  expect(schema.columns).toEqual([
    { name: 'id', type: 'integer', nulls: 0 },
    { name: 'share', type: 'number', nulls: 0 },
    { name: 'flag', type: 'boolean', nulls: 0 },
    { name: 'day', type: 'date', nulls: 0 },
    { name: 'at', type: 'datetime', nulls: 0 },
    { name: 'text', type: 'string', nulls: 1 },
    { name: 'empty', type: 'string', nulls: 2 },
  ])
})

test('widens a type when a later cell does not fit', async () => {
  const schema = await check('a,b,c\n1,2026-01-01,true\n2.5,2026-01-01T00:00:00Z,maybe\nx,never,1\n')
  expect(schema.columns.map((column) => column.type)).toEqual(['string', 'string', 'string'])
})

test('gives the same schema however the bytes are cut', async () => {
  const content = '编号,名称,"备, 注"\r\n1,逻辑回归,"两\n行"\r\n2,😀,"引 "" 号"\r\n'
  const whole = await check(content)
  for (const chunk of [1, 2, 3, 5, 7]) expect(await check(content, { chunk })).toEqual(whole)
  expect(whole.rows).toBe(2)
  expect(whole.columns.map((column) => column.name)).toEqual(['编号', '名称', '备, 注'])
})

test('drops a byte order mark and finds out the delimiter', async () => {
  const schema = await check('\uFEFFa;"b,c";d\n1;2;3\n')
  expect(schema.columns.map((column) => column.name)).toEqual(['a', 'b,c', 'd'])
})

test('renames columns', async () => {
  const schema = await check('ID,default.payment.next.month\n1,0\n', {
    rename: ['default.payment.next.month:next_month'],
  })
  expect(schema.columns.map((column) => column.name)).toEqual(['ID', 'next_month'])
})

test('names the line of every ragged row', async () => {
  expect(await problemsOf('a,b\n1,2\n3\n4,5,6\n"x\ny",7\n8\n')).toEqual([
    '3: the row has 1 cell, the header has 2',
    '4: the row has 3 cells, the header has 2',
    '7: the row has 1 cell, the header has 2',
  ])
})

test('stops after twenty problems', async () => {
  expect(await problemsOf(`a,b\n${'1\n'.repeat(1_000)}`)).toHaveLength(20)
})

test('names empty and repeated header names', async () => {
  expect(await problemsOf('a,,a, \n1,2,3,4\n')).toEqual([
    '1: column 2 has no name',
    '1: columns 1 and 3 are both named "a"',
    '1: column 4 has no name',
  ])
})

test('names the line where a quote is not closed', async () => {
  const [problem] = await problemsOf('a,b\n1,2\n3,"x\n4,5\n')
  expect(problem).toMatch(/^\d+: a quoted cell is not closed/)
})

test('names the line of a quote in the middle of a cell', async () => {
  expect(await problemsOf('a,b\n1,2\nx"y,3\n')).toEqual([
    '3: a quote stands inside a cell that does not begin with one',
  ])
  expect(await problemsOf('a,b\n"x"y,3\n')).toEqual([
    '2: a closing quote is followed by something else than a delimiter',
  ])
})

test.each([1, 2, 3, 65_536])(
  'names the line of a NUL byte and of bad UTF-8 (chunks of %d)',
  async (chunk) => {
    expect(await problemsOf('a,b\n1,2\n3,\0\n', { chunk })).toEqual(['3: the file holds a NUL byte'])
    const latin1 = Buffer.concat([Buffer.from('名,b\n1,2\n'), Buffer.from([0x63, 0xe9, 0x2c, 0x31, 0x0a])])
    expect(await problemsOf(latin1, { chunk })).toEqual(['3: the file is not UTF-8 text; save it as UTF-8'])
  },
)

test('refuses a character that the end of the file cuts in two', async () => {
  const cut = Buffer.from('a\n名').subarray(0, -1)
  expect(await problemsOf(cut)).toEqual(['2: the file is not UTF-8 text; save it as UTF-8'])
})

test('refuses an empty file', async () => {
  expect(await problemsOf('')).toEqual(['-: the file is empty'])
  expect(await problemsOf('\n\n')).toEqual(['-: the file is empty'])
})

test('refuses renaming a column that is not there, or to a name that is', async () => {
  expect(await problemsOf('a,b\n1,2\n', { rename: ['c:d', 'a:b'] })).toEqual([
    '1: there is no column "c" to rename; the columns are a, b',
    '1: two columns would be named "b"',
  ])
})

test('a header alone is a table without rows', async () => {
  expect(await check('a,b\n')).toEqual({
    rows: 0,
    columns: [
      { name: 'a', type: 'string', nulls: 0 },
      { name: 'b', type: 'string', nulls: 0 },
    ],
  })
})
