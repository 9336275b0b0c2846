import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtinAlgorithmsDir, loadAlgorithms } from '@celeriac/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-algorithms-'))
})
afterEach(() => rm(directory, { recursive: true }))

const builtin = (name: string): string => join(builtinAlgorithmsDir(), `${name}.json`)

test('the built-in algorithms are found, sorted by name', async () => {
  const catalog = await loadAlgorithms([builtinAlgorithmsDir()])
  expect(catalog.names()).toContain('algo_local_read_file')
  expect(catalog.names()).toEqual(catalog.names().toSorted())
  expect(catalog.all().map(({ algo_name }) => algo_name)).toEqual(catalog.names())
  expect(catalog.get('algo_local_split_data')?.outputs).toHaveLength(2)
  expect(catalog.get('toString')).toBeUndefined()
})

test('an algorithm of one’s own is one more file in a directory', async () => {
  const manifest = JSON.parse(await readFile(builtin('algo_local_pass_through'), 'utf8')) as object
  await writeFile(
    join(directory, 'algo_local_mine.json'),
    JSON.stringify({ ...manifest, algo_name: 'algo_local_mine' }),
  )
  await writeFile(join(directory, 'notes.json'), '{')
  const catalog = await loadAlgorithms([builtinAlgorithmsDir(), directory])
  expect(catalog.get('algo_local_mine')?.cn_name).toBe('直通')
})

test('of two algorithms with the same name the earlier directory counts', async () => {
  const manifest = JSON.parse(await readFile(builtin('algo_local_pass_through'), 'utf8')) as object
  await writeFile(
    join(directory, 'algo_local_pass_through.json'),
    JSON.stringify({ ...manifest, en_name: 'Impostor' }),
  )
  const catalog = await loadAlgorithms([builtinAlgorithmsDir(), directory])
  expect(catalog.get('algo_local_pass_through')?.en_name).toBe('Pass through')
})

test('all faults of all manifests are reported at once', async () => {
  await writeFile(join(directory, 'algo_local_a.json'), '{')
  await writeFile(join(directory, 'algo_local_b.json'), '{}')
  await cp(builtin('algo_local_pass_through'), join(directory, 'algo_local_c.json'))
  const loading = loadAlgorithms([directory, join(directory, 'nowhere')])
  await expect(loading).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  const error = await loading.catch((reason: unknown) => reason)
  const { problems } = (error as { details: { problems: { file: string; message: string }[] } }).details
  expect(new Set(problems.map(({ file }) => file.slice(directory.length)))).toEqual(
    new Set(['/algo_local_a.json', '/algo_local_b.json', '/algo_local_c.json', '/nowhere']),
  )
  expect(problems.find(({ file }) => file.endsWith('_c.json'))?.message).toContain("must be the file's name")
})
