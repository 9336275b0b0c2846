import { silentLogger } from '@celeriac/runtime'
import { hearingListener } from '@celeriac/testkit'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadExecutor, type ExecutorContext } from '../../src/index.ts'
import { anAttempt } from '../local/setup.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-executor-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const context: ExecutorContext = {
  name: 'gpu',
  concurrency: 2,
  logger: silentLogger(),
  python: { command: 'python3', env: {} },
}
let modules = 0
async function aModule(code: string): Promise<string> {
  const file = join(directory, `module-${++modules}.mjs`)
  await writeFile(file, code)
  return file
}

const behaviour = '({ execute: async () => ({ metrics: { workers: context.concurrency } }) })'

test.each([
  ['a named export', `export const createExecutor = (context) => ${behaviour}`],
  ['the default export', `export default (context) => ${behaviour}`],
  ['an asynchronous factory', `export async function createExecutor(context) { return ${behaviour} }`],
])('a behaviour is loaded from %s', async (_what, code) => {
  const executor = await loadExecutor(await aModule(code), context)
  expect(executor.name).toBe('gpu')
  expect(await executor.run(anAttempt(), hearingListener()).outcome).toMatchObject({
    result: { metrics: { workers: 2 } },
  })
})

test('a path may be relative to the working directory, or a file URL', async () => {
  const file = await aModule(`export default (context) => ${behaviour}`)
  await expect(loadExecutor(relative(process.cwd(), file), context)).resolves.toHaveProperty('name', 'gpu')
  await expect(loadExecutor(pathToFileURL(file).href, context)).resolves.toHaveProperty('name', 'gpu')
})

test('a module may bring a whole executor of its own', async () => {
  const methods = 'start() {}, stop() {}, run() {}, status() { return "mine" }, cancel() {}, adopt() {}'
  const executor = await loadExecutor(
    await aModule(`export default ({ name }) => ({ name, ${methods} })`),
    context,
  )
  expect(executor.status('x')).toBe('mine')
})

test.each([
  ['cannot be loaded', 'this is no code', /cannot be loaded/],
  ['has no factory', 'export const executor = 7', /exports no function `createExecutor`/],
  ['throws', 'export default () => { throw new Error("no licence") }', /factory failed: no licence/],
  ['gives no executor', 'export default () => ({ run() {} })', /nothing with a method `execute`/],
])('a module that %s is a fault of the configuration', async (_what, code, message) => {
  const file = await aModule(code)
  await expect(loadExecutor(file, context)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: {
      problems: [
        {
          setting: 'executor',
          source: `--executor gpu=${file}`,
          message: expect.stringMatching(message),
        },
      ],
    },
  })
})
