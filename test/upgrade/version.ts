import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, root } from '../support/processes.ts'
import { until } from '../support/until.ts'

/** A built checkout of the project: this one, or an older commit in a working tree of its own. */
export interface Version {
  readonly name: string
  readonly folder: string
}

export const thisVersion: Version = { name: 'new', folder: root }

const worktrees = '/tmp/celeriac-upgrade'

/** Checks the commit out beside the project, installs and builds it. What is there already is used again. */
export function oldVersion(ref: string, log: (line: string) => void): Version {
  const commit = run('git', ['rev-parse', '--verify', `${ref}^{commit}`], root).trim()
  const folder = join(worktrees, commit.slice(0, 7))
  if (!existsSync(folder)) {
    log(`${ref}: working tree in ${folder}`)
    run('git', ['worktree', 'add', '--detach', folder, commit], root)
  }
  if (!existsSync(join(folder, 'node_modules'))) {
    log(`${ref}: npm ci`)
    run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], folder)
  }
  log(`${ref}: build`)
  run('npx', ['tsc', '-b'], folder)
  return { name: `old (${commit.slice(0, 7)})`, folder }
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}:\n${stdout}${stderr}`)
  return stdout
}

/** A service of one version. */
export class Service {
  readonly label: string
  readonly url: string
  readonly child: ChildProcess
  #output = ''

  private constructor(label: string, url: string, child: ChildProcess) {
    this.label = label
    this.url = url
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
  }

  /** Resolves when it is ready. */
  static async start(
    version: Version,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Service> {
    const port = String(await freePort())
    const child = launch(version, args, { ...env, CELERIAC_HTTP_PORT: port })
    const service = new Service(`${version.name} ${args[0] ?? ''}`, `http://127.0.0.1:${port}`, child)
    try {
      await until(async () => {
        if (!service.isRunning) throw new Error('the process ended')
        const { status } = await fetch(`${service.url}/readyz`)
        if (status !== 200) throw new Error(`readyz answers ${status}`)
      })
    } catch (error) {
      await service.stop('SIGKILL')
      throw new Error(`${service.label} is not ready:\n${service.output}`, { cause: error })
    }
    return service
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  get output(): string {
    return this.#output
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
  }
}

const launch = (
  { folder }: Version,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess =>
  spawn(process.execPath, [join(folder, 'apps', 'cli', 'bin', 'celeriac.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** A command of one version, to its end. */
export async function command(
  version: Version,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = launch(version, args, env)
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
