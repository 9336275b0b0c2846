import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const venv = fileURLToPath(new URL('../../../../.venv/bin/python', import.meta.url))
const operators = fileURLToPath(new URL('../../../operators/src', import.meta.url))

/** The Python that has Celery and kombu. */
export const pythonWithCelery = (): string =>
  process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

/** A Python program beside this file that answers each line of JSON with another, in order. */
export class PythonPeer {
  readonly #child: ChildProcess
  readonly #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = []
  #errors = ''
  #ended: Error | null = null

  constructor(script: string, environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(pythonWithCelery(), [fileURLToPath(new URL(script, import.meta.url))], {
      env: { ...process.env, PYTHONPATH: operators, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { ok, error } = JSON.parse(line) as { ok?: unknown; error?: string }
      const asked = this.#waiting.shift()
      if (error === undefined) asked?.resolve(ok)
      else asked?.reject(new Error(`Python: ${error}`))
    })
    // What is written to a program that has just ended breaks the pipe; `close` says why it ended.
    this.#child.stdin!.on('error', () => undefined)
    this.#child.once('close', (code, signal) => {
      this.#ended = new Error(`Python ended with ${code ?? signal}: ${this.#errors}`)
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
    })
  }

  ask<Answer>(operation: string, request: object = {}): Promise<Answer> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject })
      this.#child.stdin!.write(`${JSON.stringify({ do: operation, ...request })}\n`)
    })
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin!.end()
    await ended
  }
}
