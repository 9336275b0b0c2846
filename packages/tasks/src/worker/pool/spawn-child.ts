import { fork } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** One child that runs handlers: a process or a thread. */
export interface Child {
  readonly pid: number
  send(frame: string): void
  /** At once, whatever it does. */
  kill(): void
}

export interface ChildListener {
  onFrame(frame: string): void
  /** Once, after the last frame. */
  onExit(detail: string): void
}

export type SpawnChild = (listener: ChildListener) => Child

/** Beside this file, compiled or not. */
const entry = new URL(`./child-main${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url)

export interface SpawnOptions {
  /** Options of Node for the child. @default those of this process */
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
}

export const spawnProcess =
  ({ execArgv = process.execArgv, env }: SpawnOptions = {}): SpawnChild =>
  (listener) => {
    const child = fork(fileURLToPath(entry), {
      execArgv: [...execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(env === undefined ? {} : { env }),
    })
    const exited = once((detail) => listener.onExit(detail))
    child.on('message', (frame) => listener.onFrame(frame as string))
    child.once('error', (error) => exited(error.message))
    child.once('exit', (code, signal) => exited(signal === null ? `exit code ${code}` : `signal ${signal}`))
    return {
      pid: child.pid ?? 0,
      // A child that is gone tells so by its exit.
      send: (frame) => void (child.connected && child.send(frame, () => undefined)),
      kill: () => void child.kill('SIGKILL'),
    }
  }

export const spawnThread =
  ({ execArgv = process.execArgv, env }: SpawnOptions = {}): SpawnChild =>
  (listener) => {
    const thread = new Worker(entry, {
      execArgv: [...execArgv],
      ...(env === undefined ? {} : { env }),
    })
    const exited = once((detail) => listener.onExit(detail))
    thread.on('message', (frame) => listener.onFrame(String(frame)))
    thread.once('error', (error: Error) => exited(error.message))
    thread.once('exit', (code) => exited(`exit code ${code}`))
    return {
      pid: process.pid,
      send: (frame) => thread.postMessage(frame),
      kill: () => void thread.terminate(),
    }
  }

function once(call: (detail: string) => void): (detail: string) => void {
  let isCalled = false
  return (detail) => {
    if (!isCalled) call(detail)
    isCalled = true
  }
}
