/** What is compared: our worker, Celery's in two forms, and the bare driver, each started as its users start it. */
import { join } from 'node:path'
import { PeerProcess } from './peer-process.ts'

export const subjectNames = ['celeriac', 'celery_prefork', 'celery_solo', 'raw'] as const
export type SubjectName = (typeof subjectNames)[number]

/** Deliveries that a worker may hold, the same for all. */
export const prefetch = 512

const pools = { celery_prefork: ['--pool', 'prefork', '-c', '2'], celery_solo: ['--pool', 'solo'] } as const
/** Tasks at a time. Ours are promises, Celery's processes. */
const slots = { celeriac: 64, celery_prefork: 2, celery_solo: 1 } as const

const root = join(import.meta.dirname, '..', '..', '..', '..')
const pythonFolder = join(root, 'test', 'bench', 'python')

export interface Place {
  readonly amqpUrl: string
  readonly backend: string
  readonly queue: string
}

export interface Commands {
  readonly python: string
  /** For what workers write. */
  readonly dataDir: string
  /** Further options of node in our worker, such as `--cpu-prof`. */
  readonly nodeOptions: readonly string[]
}

const environmentOf = ({ amqpUrl, backend, queue }: Place, name: SubjectName): Record<string, string> => ({
  BENCH_AMQP_URL: amqpUrl,
  BENCH_BACKEND: backend,
  BENCH_QUEUE: queue,
  BENCH_PREFETCH_MULTIPLIER: String(name === 'raw' ? 1 : Math.round(prefetch / slots[name])),
  PYTHONDONTWRITEBYTECODE: '1',
})

export function startWorker(
  name: SubjectName,
  place: Place,
  { python, dataDir, nodeOptions }: Commands,
): PeerProcess {
  const env = environmentOf(place, name)
  switch (name) {
    case 'celeriac':
      return new PeerProcess(name, [process.execPath, ...nodeOptions, ...celeriacWorker(place, dataDir)], {
        ...env,
        CELERIAC_AMQP_URL: place.amqpUrl,
        CELERIAC_LOG_LEVEL: 'warn',
      })
    case 'raw': {
      const program = join(import.meta.dirname, 'raw-worker.js')
      return new PeerProcess(name, [process.execPath, program, place.amqpUrl, place.queue, String(prefetch)])
    }
    case 'celery_prefork':
    case 'celery_solo': {
      const worker = ['-m', 'celery', '-A', 'celery_bench', 'worker', '--loglevel', 'WARNING']
      const node = ['--hostname', `${place.queue}@bench`]
      return new PeerProcess(name, [python, ...worker, ...pools[name], ...node], env, pythonFolder)
    }
  }
}

const celeriacWorker = ({ queue }: Place, dataDir: string): readonly string[] => {
  const program = [join(root, 'apps', 'cli', 'bin', 'celeriac.mjs'), 'worker']
  const tasks = ['--import', join(import.meta.dirname, 'noop-app.js'), '-Q', queue]
  const held = ['-c', String(slots.celeriac), '--prefetch-multiplier', String(prefetch / slots.celeriac)]
  return [
    ...program,
    ...tasks,
    ...held,
    '--name',
    `${queue}@bench`,
    '--http-port',
    '0',
    '--data-dir',
    dataDir,
  ]
}

/** A program that calls tasks through Celery's own client, and measures. */
export const startCeleryClient = (place: Place, { python }: Commands): PeerProcess =>
  new PeerProcess(
    'celery client',
    [python, 'celery_bench.py'],
    environmentOf(place, 'celery_solo'),
    pythonFolder,
  )
