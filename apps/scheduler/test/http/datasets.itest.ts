import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi, type Harness, type RequestBody } from './api-harness.ts'

let api: Harness
beforeAll(async () => {
  api = await startApi({ maxDatasetBytes: 200_000 })
})
afterAll(() => api.close())

const upload = (query: string, body: RequestBody, type = 'text/csv') =>
  api.call('POST', `/api/v1/datasets${query}`, { type, body })
const stored = () => readdir(join(api.directory, 'artifacts', 'datasets')).catch(() => [])
const form = (...files: [content: string, name: string, type?: string][]): FormData => {
  const data = new FormData()
  data.append('note', 'ignored')
  for (const [content, name, type] of files)
    data.append('file', new Blob([content], { type: type ?? 'text/csv' }), name)
  return data
}

test('a CSV file becomes a data set: stored as it is, counted, hashed, its schema inferred', async () => {
  const content = 'ID,default.payment.next.month,名称\n1,0,甲\n2,1,乙\n'
  const answer = await upload('?id=40&name=credit&rename=default.payment.next.month:next_month', content)
  expect(answer.status).toBe(201)
  expect(answer.headers.get('location')).toBe('/api/v1/datasets/40')
  expect(answer.body).toMatchObject({
    id: 40,
    name: 'credit',
    format: 'csv',
    rows: 2,
    bytes: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
    rename: { 'default.payment.next.month': 'next_month' },
    columns: [
      { name: 'ID', type: 'integer', nulls: 0 },
      { name: 'next_month', type: 'integer', nulls: 0 },
      { name: '名称', type: 'string', nulls: 0 },
    ],
  })
  expect(await readFile(fileURLToPath(answer.body.uri), 'utf8')).toBe(content)
  expect((await api.call('GET', '/api/v1/datasets/40')).body).toEqual(answer.body)
})

test('an id is given once, unless the data set is replaced', async () => {
  const first = await upload('?id=41&name=one', 'a\n1\n')
  const taken = await upload('?id=41&name=two', 'a\n2\n')
  expect([taken.status, taken.body.code]).toEqual([409, 'CONFLICT_DATASET_EXISTS'])
  const replaced = await upload('?id=41&name=two&replace=true', 'a\n2\n')
  expect(replaced.status).toBe(201)
  expect(await readFile(fileURLToPath(first.body.uri), 'utf8')).toBe('a\n1\n')
  expect(await readFile(fileURLToPath(replaced.body.uri), 'utf8')).toBe('a\n2\n')
})

test('without an id the next free one is given', async () => {
  const ids = await Promise.all([1, 2, 3].map(async (n) => (await upload('', `a\n${n}\n`)).body.id))
  expect(new Set(ids).size).toBe(3)
})

test('the same content twice is one file', async () => {
  const [one, two] = await Promise.all([upload('?name=x', 'same\n1\n'), upload('?name=y', 'same\n1\n')])
  expect(one.body.uri).toBe(two.body.uri)
  expect(one.body.id).not.toBe(two.body.id)
})

test('data sets are listed, newest first', async () => {
  const { body } = await upload('?name=latest', 'z\n1\n')
  const list = await api.call('GET', '/api/v1/datasets?limit=1')
  expect(list.body.items).toEqual([body])
  expect(list.body.next_cursor).not.toBeNull()
  expect((await api.call('GET', '/api/v1/datasets/999999')).body.code).toBe('NOT_FOUND_DATASET')
})

test.each([
  ['a ragged row', 'a,b\n1,2\n3\n', [{ line: 3, message: 'the row has 1 cell, the header has 2' }]],
  ['a repeated name', 'a,a\n1,2\n', [{ line: 1, message: 'columns 1 and 2 are both named "a"' }]],
  [
    'an open quote',
    'a\n"x\n',
    [{ line: 2, message: 'a quoted cell is not closed before the end of the file' }],
  ],
  ['a NUL', 'a\n\0\n', [{ line: 2, message: 'the file holds a NUL byte' }]],
  ['nothing in it', '', [{ line: null, message: 'the file is empty' }]],
])('a file with %s is refused with its line, and leaves nothing', async (_what, content, problems) => {
  const before = await stored()
  const { status, body } = await upload('?id=60', content)
  expect([status, body.code]).toEqual([422, 'VALIDATION_DATASET_MALFORMED'])
  expect(body.problems).toMatchObject(problems)
  expect(await stored()).toEqual(before)
  expect((await api.call('GET', '/api/v1/datasets/60')).status).toBe(404)
})

test('bytes that are not UTF-8 are refused', async () => {
  const { body } = await upload('', new Uint8Array([0x61, 0x0a, 0xff, 0x0a]))
  expect(body.problems).toMatchObject([{ line: 2, message: 'the file is not UTF-8 text; save it as UTF-8' }])
})

test('a file over the limit is refused, and leaves nothing', async () => {
  const before = await stored()
  const { status, body } = await upload('', `a\n${'1234567\n'.repeat(40_000)}`)
  expect([status, body.code]).toEqual([413, 'VALIDATION_BODY_TOO_LARGE'])
  expect(await stored()).toEqual(before)
})

test.each([
  ['?rename=nonsense', 'query.rename'],
  ['?id=0', 'query.id'],
  ['?id=../../etc', 'query.id'],
  ['?format=xls', 'query.format'],
  ['?nam=x', 'query'],
])('the query %s is refused', async (query, path) => {
  const { status, body } = await upload(query, 'a\n1\n')
  expect(status).toBe(400)
  expect(body.problems[0].path).toBe(path)
})

test('a file of another type is refused', async () => {
  expect((await upload('', '{}', 'application/json')).status).toBe(415)
})

test('the name and format of a form’s file are taken over, without directories', async () => {
  const data = form(['a;b\n1;2\n', '../../etc/größe.csv', 'application/octet-stream'])
  const { status, body } = await api.call('POST', '/api/v1/datasets', { body: data })
  expect(status).toBe(201)
  expect(body).toMatchObject({ name: 'größe', format: 'csv', rows: 1 })
  expect(body.columns.map((column: { name: string }) => column.name)).toEqual(['a', 'b'])
})

test('a form needs exactly one file', async () => {
  const none = await api.call('POST', '/api/v1/datasets', { body: form() })
  expect([none.status, none.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
  const two = await api.call('POST', '/api/v1/datasets', {
    body: form(['a\n1\n', 'a.csv'], ['b\n1\n', 'b.csv']),
  })
  expect([two.status, two.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
  const broken = await upload('', 'no form', 'multipart/form-data')
  expect(broken.status).toBe(415)
  const cut = await upload(
    '',
    '--x\r\ncontent-disposition: form-data; name="f"; filename="a.csv"\r\n\r\na\n1',
    'multipart/form-data; boundary=x',
  )
  expect([cut.status, cut.body.code]).toEqual([400, 'VALIDATION_BODY_INVALID'])
})

test('Parquet is recognised by its first bytes, its schema read, and refused when it is cut off', async () => {
  const whole = await readFile(join(import.meta.dirname, '..', 'datasets', 'parquet', 'required.parquet'))
  const accepted = await upload('?name=p&rename=a:b', whole, 'application/octet-stream')
  expect(accepted.body).toMatchObject({
    format: 'parquet',
    rows: 2,
    rename: { a: 'b' },
    columns: [{ name: 'b', type: 'integer', nulls: 0 }],
  })
  const cut = await upload('', whole.subarray(0, 20), 'application/vnd.apache.parquet')
  expect(cut.body.problems).toMatchObject([{ message: 'the Parquet file is cut off: its footer is missing' }])
  const other = await upload('', 'a,b\n1,2\n', 'application/vnd.apache.parquet')
  expect(other.body.problems).toMatchObject([
    { message: 'the file is not Parquet: it does not begin with PAR1' },
  ])
})
