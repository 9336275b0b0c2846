import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../../support/processes.ts'

const venv = join(root, '.venv', 'bin', 'python')

/** The Python that has Celery and Flower. */
export const interopPython = (): string =>
  process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

/** Where `client_tasks.py` and what belongs to it lies. */
export const pythonFolder = join(root, 'test', 'interop', 'python')

/** What Python's code raised. */
export class PythonError extends Error {
  declare readonly name: string
  readonly module: string
  /** Class names, the error's own first. */
  readonly bases: readonly string[]
  readonly args: readonly unknown[]
  /** As Python prints it; with the traceback of the worker, which Celery makes the cause. */
  readonly raised: string

  constructor(raised: {
    readonly name: string
    readonly module: string
    readonly bases: readonly string[]
    readonly args: readonly unknown[]
    readonly text: string
    readonly raised: string
  }) {
    super(raised.text)
    this.name = raised.name
    this.module = raised.module
    this.bases = raised.bases
    this.args = raised.args
    this.raised = raised.raised
  }
}

type Answer = { readonly value: unknown } | { readonly error: ConstructorParameters<typeof PythonError>[0] }

/** A Python with a Celery client, which runs what the test types; see `client_session.py` for the names it knows. */
export class PythonClient {
  readonly #child: ChildProcess
  readonly #waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = []
  #errors = ''
  #ended: Error | null = null

  constructor(environment: Readonly<Record<string, string>>) {
    this.#child = spawn(interopPython(), ['client_session.py'], {
      cwd: pythonFolder,
      env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer
      const asked = this.#waiting.shift()
      if ('error' in answer) asked?.reject(new PythonError(answer.error))
      else asked?.resolve(answer.value)
    })
    // What is written to a program that has just ended breaks the pipe; `close` says why it ended.
    this.#child.stdin!.on('error', () => undefined)
    this.#child.once('close', (code, signal) => {
      this.#ended = new Error(`Python ended with ${code ?? signal}: ${this.#errors}`)
      for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended)
    })
  }

  /** Runs Python code and gives the value of its last expression. Rejects with PythonError for what it raises. */
  run<Value = unknown>(code: string): Promise<Value> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (value: unknown) => void, reject })
      this.#child.stdin!.write(`${JSON.stringify({ code })}\n`)
    })
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin!.end()
    await ended
  }
}
