/** Children of pools that run the tasks of `child-tasks.ts`, without a build before. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished } from 'vitest'

export const typescript = {
  execArgv: [
    '--conditions=@celeriac/source',
    '--import',
    path.join(import.meta.dirname, 'register-typescript.mjs'),
  ],
}

/** Resolves with the next message of a child: to compile and load it takes as long as the machine needs. */
export async function untilReady(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the child ended before it was ready: ${code ?? signal}`)
  })
  await Promise.race([once(child, 'message'), ended])
}

export const childTasksModule = path.join(import.meta.dirname, 'child-tasks.ts')

/** A file that is not there yet, for handlers to write to. */
export function aFile(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'celeriac-pool-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return path.join(directory, 'file')
}

/** Gives the text once there is one. */
export async function untilWritten(file: string): Promise<string> {
  const read = (): string => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return ''
    }
  }
  await expect.poll(read, { timeout: 20_000 }).not.toBe('')
  return read()
}
