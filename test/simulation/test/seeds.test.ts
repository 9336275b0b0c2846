import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { simulateSeed } from '../src/simulate-seed.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..', '..')

/** The command that people use. Its exit code is that of the program. */
const simulate = (...args: string[]): Promise<{ readonly stdout: string }> =>
  run(process.execPath, [join(root, 'scripts', 'simulate.mjs'), ...args], { cwd: root, maxBuffer: 2 ** 26 })

test('a few hundred seeds violate nothing', { timeout: 120_000 }, async () => {
  const { stdout } = await simulate('--seeds', '150')
  expect(stdout).toContain('150 seeds in')
  expect(stdout).toContain(': 0 violations')
})

test.each(['ack-before-commit', 'hand-over-acks-first'])(
  'a planted bug is found: %s',
  { timeout: 120_000 },
  async (mutation) => {
    const { stdout } = await simulate('--mutations', '--only', mutation, '--seeds', '150')
    expect(stdout).toContain('1 of 1 mutations found')
  },
)

test('a planted bug makes a seed fail, and its story ends with the violation and how to see it again', async () => {
  const story = await simulate('--mutations', '--only', 'publish-before-commit', '--seed', '2', '--trace')
  expect(story.stdout).toContain('seed 2: stored_before_sent violated')
  expect(story.stdout).toContain('weather')
})

test('the same seed gives the same steps, told or not, and another one others', async () => {
  const first = await simulateSeed(11)
  const told: string[] = []
  const second = await simulateSeed(11, { story: (_, what) => told.push(what) })
  expect(second).toEqual(first)
  expect(told.length).toBeGreaterThan(10)
  expect((await simulateSeed(12)).digest).not.toBe(first.digest)
})

test('what the simulation diverts is as before once it is over', async () => {
  const { setImmediate: immediate } = globalThis
  const { random } = Math
  await simulateSeed(3)
  expect(globalThis.setImmediate).toBe(immediate)
  expect(Math.random).toBe(random)
})
