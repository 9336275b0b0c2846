import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { delayedDeliveryTopology } from '@celeriac/broker'
import { useTestRabbit } from '@celeriac/testkit'
import { expect, vi } from 'vitest'
import { root } from '../support/processes.ts'

const venv = join(root, '.venv', 'bin', 'python')
const python = process.env['CELERIAC_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

/**
 * Names of its own on the test broker, deleted at the end with what delayed calls and Celery add to them. Of further
 * queues Celery makes an exchange too.
 * @param queues names without the prefix
 */
export async function ownNames(
  queues: readonly string[] = [],
): Promise<{ readonly prefix: string; close(): Promise<void> }> {
  const rabbit = await useTestRabbit()
  const { prefix } = rabbit.topology
  return {
    prefix,
    close: async () => {
      const delays = delayedDeliveryTopology({ prefix, queueType: 'classic' })
      const further = queues.map((name) => ({ name: `${prefix}${name}` }))
      const names = (each: readonly { readonly name: string }[] = []): string[] =>
        [...each, ...further].map(({ name }) => name)
      await rabbit.remove({
        queues: names(delays.queues),
        exchanges: [...names(delays.exchanges), `reply.${prefix}celery.pidbox`],
      })
      await rabbit.close()
    },
  }
}

/** A worker of Python Celery as it comes from PyPI, with the tasks of `python/client_tasks.py`. */
export class StockCelery {
  readonly #child: ChildProcess
  #output = ''

  private constructor(options: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(
      python,
      ['-m', 'celery', '-A', 'client_tasks', 'worker', '--loglevel=INFO', ...options],
      {
        cwd: join(root, 'test', 'interop', 'python'),
        env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
  }

  static async start(
    options: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<StockCelery> {
    const worker = new StockCelery(options, env)
    try {
      await vi.waitFor(() => expect(worker.#output).toContain(' ready.'), { timeout: 60_000, interval: 100 })
    } catch (error) {
      // Or it would go on beside what other tests start under its name.
      await worker.stop()
      throw error
    }
    return worker
  }

  /** What it has logged, for messages of failures. */
  get output(): string {
    return this.#output
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}
