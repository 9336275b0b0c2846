import { artifactLayout, fileUrlOf } from '@celeriac/runtime'
import { open, readdir } from 'node:fs/promises'
import { request, type ClientRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startApi, token, type Harness } from '../http/api-harness.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'

const diskBytes = 1_048_576
let disk: SmallDisk | null
let api: Harness
let root: string

beforeAll(async () => {
  disk = await mountSmallDisk(diskBytes)
  api = await startApi(disk === null ? {} : { artifacts: artifactLayout(fileUrlOf(disk.path)) })
  root = disk?.path ?? join(api.directory, 'artifacts')
})
afterAll(async () => {
  await api?.close()
  await disk?.remove()
})

/** Names of data sets and of uploads under way. */
const stored = (): Promise<string[]> => readdir(join(root, 'datasets')).catch(() => [])

/** Without the right to mount a small disk, writing fails as on a full one. */
async function fillDisk(): Promise<void> {
  if (disk !== null) return
  const file = await open('/dev/null', 'w')
  const prototype = Object.getPrototypeOf(file) as typeof file
  await file.close()
  vi.spyOn(prototype, 'writeFile').mockRejectedValue(
    Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }),
  )
}

test('a disk that runs full is told as such, leaves nothing behind, and is used again when there is room', async () => {
  await fillDisk()
  const before = await stored()
  const body = `a\n${'1234567\n'.repeat(400_000)}`
  const answer = await api.call('POST', '/api/v1/datasets?id=70', { type: 'text/csv', body })
  expect([answer.status, answer.body.code]).toEqual([507, 'STORE_FULL'])
  expect(answer.body.details).toEqual({ reason: 'ENOSPC' })
  expect(await stored()).toEqual(before)
  expect((await api.call('GET', '/api/v1/datasets/70')).status).toBe(404)
  vi.restoreAllMocks()
  const small = await api.call('POST', '/api/v1/datasets?id=70', { type: 'text/csv', body: 'a\n1\n' })
  expect(small.status).toBe(201)
})

/** Begins an upload and writes no more than `part`. */
function beginUpload(type: string, part: string): ClientRequest {
  const upload = request(`${api.url}/api/v1/datasets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': type, 'transfer-encoding': 'chunked' },
  })
  upload.on('error', () => undefined)
  upload.write(part)
  return upload
}

test.each([
  ['a plain body', 'text/csv', 'a,b\n1,2\n'],
  [
    'a form',
    'multipart/form-data; boundary=x',
    '--x\r\ncontent-disposition: form-data; name="f"; filename="a.csv"\r\n\r\na,b\r\n1,2\r\n',
  ],
  ['Parquet', 'application/vnd.apache.parquet', 'PAR1 and some'],
])('an upload of %s that its sender gives up leaves nothing behind', async (_what, type, part) => {
  const before = await stored()
  const upload = beginUpload(type, part)
  await expect.poll(async () => (await stored()).length).toBe(before.length + 1)
  upload.destroy()
  await expect.poll(stored).toEqual(before)
})

test('a file that is malformed at its very end is refused with that line', async () => {
  const body = `a,b\n${'1,2\n'.repeat(150_000)}1,2,3\n`
  const { status, body: answer } = await api.call('POST', '/api/v1/datasets', { type: 'text/csv', body })
  expect([status, answer.code]).toEqual([422, 'VALIDATION_DATASET_MALFORMED'])
  expect(answer.problems).toMatchObject([{ line: 150_002, message: 'the row has 3 cells, the header has 2' }])
})
