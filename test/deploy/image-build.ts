import dockerignore from '@balena/dockerignore'
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../support/processes.ts'
import { isSystemStep, readDockerfile, type dockerfiles, type Stage, type Step } from './dockerfile.ts'

const execute = promisify(execFile)
/** Made by a step of the operating system, which is not run here. */
const volumePath = 'var/lib/celeriac'

/** What an image would run, on this machine. */
export interface BuiltImage {
  /** Its working directory. */
  readonly directory: string
  /** Where its volume is mounted. */
  readonly volume: string
  /** Number of the user that it runs as. */
  readonly user: number
  readonly env: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
}

/**
 * Builds the images' file trees below one directory, without Docker: each stage is a directory that stands for `/`, and its
 * RUN steps are shell commands there. Steps of the operating system are left out: this machine's Node and Python stand in
 * for the base image.
 */
export class ImageBuild {
  readonly #directory: string
  /** Directories of the stages that are done. Stages with the same steps are the same. */
  readonly #done = new Map<string, string>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** `directory` is empty. */
  static async create(directory: string): Promise<ImageBuild> {
    await copyContext(join(directory, 'context'))
    return new ImageBuild(directory)
  }

  async build(name: (typeof dockerfiles)[number]): Promise<BuiltImage> {
    const stages = readDockerfile(name)
    for (const stage of stages) await this.#buildStage(stage, stages)
    const image = stages.at(-1)!
    const rootfs = this.#rootOf(image)
    const words = (kind: Step['kind']): string[] =>
      image.steps.flatMap((step) => (step.kind === kind && 'words' in step ? step.words : []))
    const directory = join(rootfs, workdirOf(image))
    const volume = join(rootfs, volumePath)
    const [user] = image.steps.flatMap((step) => (step.kind === 'user' ? [Number(step.user)] : []))
    if (user === undefined) throw new Error(`the ${name} image has no USER`)
    // `tini` is of the base image; here the service's parent is the test.
    const command = [...words('entrypoint'), ...words('cmd')].filter((word) => !['tini', '--'].includes(word))
    return {
      directory,
      volume,
      user,
      env: environmentOf(image, rootfs),
      command,
      healthcheck: words('healthcheck'),
    }
  }

  #rootOf(stage: Stage): string {
    const key = JSON.stringify(stage.steps)
    const known = this.#done.get(key)
    if (known !== undefined) return known
    const rootfs = join(this.#directory, `stage-${this.#done.size}`)
    this.#done.set(key, rootfs)
    return rootfs
  }

  async #buildStage(stage: Stage, stages: readonly Stage[]): Promise<void> {
    const isDone = this.#done.has(JSON.stringify(stage.steps))
    if (isDone) return
    const rootfs = this.#rootOf(stage)
    let workdir = rootfs
    await mkdir(join(rootfs, volumePath), { recursive: true })
    for (const step of stage.steps) {
      if (step.kind === 'workdir') {
        workdir = join(rootfs, step.path)
        await mkdir(workdir, { recursive: true })
      } else if (step.kind === 'copy') {
        const origin = step.from === null ? null : stages.find((each) => each.name === step.from)!
        const from = origin === null ? join(this.#directory, 'context') : this.#rootOf(origin)
        // A stage that is copied from is done, and nobody writes to what an image runs: its files need not be there twice,
        // which would be a gigabyte.
        const how = origin === null ? '-a' : '-al'
        for (const source of step.sources) await copyInto(join(from, source), workdir, step.target, how)
      } else if (step.kind === 'run' && !isSystemStep(step)) {
        await runStep(step.command, workdir)
      }
    }
  }
}

async function runStep(command: string, cwd: string): Promise<void> {
  const options = { cwd, env: buildEnvironment(), maxBuffer: 1 << 26 }
  await execute('sh', ['-c', command], options).catch((cause: { stdout: string; stderr: string }) => {
    throw new Error(`${command}:\n${cause.stdout}${cause.stderr}`, { cause })
  })
}

/** The files that `docker build` would send: what git knows or would take up, less what `.dockerignore` names. */
async function copyContext(context: string): Promise<void> {
  const { stdout } = await execute('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    maxBuffer: 1 << 26,
  })
  const ignored = dockerignore.default().add(await readFile(join(root, '.dockerignore'), 'utf8'))
  const files = ignored.filter(stdout.split('\0').filter((file) => file !== ''))
  for (const file of files) {
    await mkdir(dirname(join(context, file)), { recursive: true })
    await cp(join(root, file), join(context, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // deleted, but not yet in git's index
    })
  }
}

/** As COPY does: of a directory its content, not the directory; a file into a target that ends in a slash. */
async function copyInto(source: string, workdir: string, target: string, how: '-a' | '-al'): Promise<void> {
  const destination = join(workdir, target)
  const isDirectory = (await stat(source)).isDirectory()
  await mkdir(isDirectory || target.endsWith('/') ? destination : dirname(destination), { recursive: true })
  await execute('cp', [how, isDirectory ? `${source}/.` : source, destination]) // node's own takes three times as long
}

/** This machine's tools, with the interpreter of the tests as `python3`. Caches come first, and bytecode is not made ahead. */
function buildEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, ...inherited } = process.env
  const python = process.env['CELERIAC_PYTHON']
  const tools = python === undefined ? '' : `${dirname(python)}:`
  const path = `${tools}${process.env['PATH'] ?? ''}`
  return { ...inherited, PATH: path, npm_config_prefer_offline: 'true', PIP_NO_COMPILE: '1' }
}

const workdirOf = (stage: Stage): string =>
  stage.steps.flatMap((step) => (step.kind === 'workdir' ? [step.path] : [])).at(-1) ?? '/'

/** The image's variables; absolute paths lie below `rootfs`. */
function environmentOf(stage: Stage, rootfs: string): Record<string, string> {
  const values = Object.assign(
    {},
    ...stage.steps.map((step) => (step.kind === 'env' ? step.values : {})),
  ) as Record<string, string>
  const expand = (value: string): string =>
    value.replaceAll(/(?<=^|:)\/(?=[a-z])/g, `${rootfs}/`).replaceAll('$PATH', process.env['PATH'] ?? '')
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, expand(value)]))
}
