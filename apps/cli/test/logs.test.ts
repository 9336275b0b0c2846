import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCommandLine } from '../src/index.ts'
import { recordedIo, stubServer, type StubServer } from './cli-harness.ts'

const pages = 3
let server: StubServer
beforeEach(async () => {
  server = await stubServer(({ url }) => {
    const offset = Number(new URL(url, 'http://x').searchParams.get('offset'))
    const line = { at: '2026-11-21T00:00:00.000Z', stream: 'stdout', text: `page ${offset}` }
    const isEnd = offset >= pages
    return {
      body: {
        attempt: 1,
        lines: isEnd ? [] : [line],
        next_offset: isEnd ? offset : offset + 1,
        complete: isEnd,
      },
    }
  })
})
afterEach(() => server.close())

test('logs asks for a page only when the one before is taken, so a slow reader fills no memory', async () => {
  const io = recordedIo()
  const waiting: (() => void)[] = []
  const never = new AbortController()
  const done = runCommandLine(['logs', 'run', 'operator', '--server', server.url, '--token', 't'], {
    io: { ...io, drained: () => new Promise((resolve) => waiting.push(resolve)) },
    interrupt: { signal: () => never.signal, isInterrupted: () => false },
  })
  for (let page = 0; page <= pages; page++) {
    await expect.poll(() => waiting.length).toBe(1)
    expect(server.asked).toHaveLength(page + 1)
    waiting.shift()?.()
  }
  expect(await done).toBe(0)
  expect(io.outLines).toEqual(['page 0', 'page 1', 'page 2'])
  expect(server.asked.every(({ url }) => url.includes('limit=10000'))).toBe(true)
})
