import { startHttpServer } from '@celeriac/runtime'
import type { RequestListener } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'

const hello: RequestListener = (_request, response) => void response.end('hello')

async function serve(listener: RequestListener, options: { port?: number; graceMs?: number } = {}) {
  const server = await startHttpServer(listener, { host: '127.0.0.1', port: 0, ...options })
  onTestFinished(() => server.stop())
  return server
}

test('the address is told as a client of this machine would write it', async () => {
  const server = await startHttpServer(hello, { host: '0.0.0.0', port: 0 })
  onTestFinished(() => server.stop())
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
  expect(await (await fetch(server.url)).text()).toBe('hello')
})

test('a port that is taken is a fault of the configuration', async () => {
  const { port } = await serve(hello)
  await expect(serve(hello, { port })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { host: '127.0.0.1', port, reason: 'EADDRINUSE' },
  })
})

test('a stop lets the request in progress end, and takes no more', async () => {
  let answer: (() => void) | null = null
  const server = await serve((_request, response) => {
    answer = () => void response.end('in time')
  })
  const busy = fetch(server.url)
  await expect.poll(() => answer).not.toBeNull()
  const stopped = Promise.all([server.stop(), server.stop()])
  await expect(fetch(server.url)).rejects.toThrow()
  answer!()
  expect(await (await busy).text()).toBe('in time')
  await stopped
})

test('a request that does not end is cut after the grace', async () => {
  let isAsked = false
  const server = await serve(() => (isAsked = true), { graceMs: 0 })
  const hanging = fetch(server.url).then(
    () => 'answered',
    () => 'cut',
  )
  await expect.poll(() => isAsked).toBe(true)
  await server.stop()
  expect(await hanging).toBe('cut')
})
