import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pythonWithCelery } from '../python/python-peer.ts'

/** Python Celery as a function of requests; see `python/canvas_oracle.py`. */
export interface CeleryOracle {
  /** What Celery answers; an error of Celery's as `{ error }`. */
  ask(request: object): Promise<unknown>
  stop(): Promise<void>
}

export function startCeleryOracle(): CeleryOracle {
  const script = fileURLToPath(new URL('./python/canvas_oracle.py', import.meta.url))
  const child = spawn(pythonWithCelery(), [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  const errors: string[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  const waiting: ((line: string | null) => void)[] = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line))
  // What is written to a program that has just ended breaks the pipe; its error output says why it ended.
  child.stdin.on('error', () => undefined)
  let hasEnded = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      hasEnded = true
      for (const answer of waiting.splice(0)) answer(null)
      resolve()
    })
  })
  return {
    async ask(request) {
      const line = await new Promise<string | null>((resolve) => {
        if (hasEnded) return resolve(null)
        waiting.push(resolve)
        child.stdin.write(`${JSON.stringify(request)}\n`)
      })
      if (line === null) throw new Error(`the oracle ended: ${errors.join('')}`)
      const answer = JSON.parse(line) as { ok?: unknown; error?: string }
      return 'ok' in answer ? answer.ok : { error: answer.error }
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
