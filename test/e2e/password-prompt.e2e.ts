import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Terminal } from '../support/terminal.ts'

/** A server that takes any password; what it was sent. */
async function anyServer(): Promise<{ readonly url: string; readonly bodies: unknown[] }> {
  const bodies: unknown[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(JSON.parse(Buffer.concat(chunks).toString()))
      response
        .writeHead(200, { 'content-type': 'application/json', connection: 'close' })
        .end('{"revoked":1}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies }
}

async function openPrompt(url: string) {
  const terminal = await Terminal.open(['password'], { CELERIAC_SERVER: url, CELERIAC_API_TOKEN: 't' })
  onTestFinished(() => terminal.close())
  const screen = async () => (await terminal.lines()).join('\n').trim()
  const answer = async (prompt: string, ...keys: string[]): Promise<void> => {
    await expect.poll(screen, { timeout: 30_000 }).toContain(prompt)
    for (const key of keys) await terminal.press(key)
  }
  return { screen, answer }
}

test('passwords are typed without an echo, corrected with the backspace, and the new one twice', async () => {
  const { url, bodies } = await anyServer()
  const { screen, answer } = await openPrompt(url)
  await answer('current password:', 'current-secretX', 'BSpace', 'Enter')
  await answer('new password:', 'newly-chosen-secret', 'Enter')
  await answer('new password again:', 'newly-chosen-secret', 'Enter')
  await expect.poll(screen, { timeout: 30_000 }).toContain('exit code 0')
  expect(await screen()).toBe(
    [
      'current password:',
      'new password:',
      'new password again:',
      'the password is changed; other logins that were ended: 1',
      'exit code 0',
    ].join('\n'),
  )
  expect(bodies).toEqual([{ current: 'current-secret', new: 'newly-chosen-secret' }])
})

test('a new password that was mistyped, and Ctrl-C, send nothing', async () => {
  const { url, bodies } = await anyServer()
  const mistyped = await openPrompt(url)
  await mistyped.answer('current password:', 'current-secret', 'Enter')
  await mistyped.answer('new password:', 'newly-chosen-secret', 'Enter')
  await mistyped.answer('new password again:', 'newly-chosen-secrte', 'Enter')
  await expect.poll(mistyped.screen, { timeout: 30_000 }).toContain('exit code 2')
  expect(await mistyped.screen()).toContain('the new password was typed in two ways')
  const interrupted = await openPrompt(url)
  await interrupted.answer('current password:', 'current-sec', 'C-c')
  await expect.poll(interrupted.screen, { timeout: 30_000 }).toContain('exit code')
  expect(await interrupted.screen()).not.toContain('current-sec')
  expect(bodies).toEqual([])
})
