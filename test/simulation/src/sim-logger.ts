import type { Logger } from '@celeriac/runtime'
import type { SimProcess } from './sim-process.ts'
import type { World } from './world.ts'

/** What may never be logged: the program has met a defect of its own. */
const defects: ReadonlySet<string> = new Set([
  'illegal transition refused',
  'engine batch failed',
  'event refused by the database',
  'the executor broke its contract',
  'a delivery could not be read',
  'consumer threw; its message stays unacked',
])

/** A logger that writes into the story of the seed. */
export function simLogger(process: SimProcess, world: Pick<World, 'tell' | 'watch'>): Logger {
  const write =
    (level: string) =>
    (fields: unknown, message?: string): void => {
      const text = message ?? String(fields)
      if (defects.has(text) || text.startsWith('run set aside'))
        world.watch.fail('no_defects', `${process.name}: ${text} ${show(fields)}`)
      world.tell(() => `${process.name} ${level}: ${text} ${show(fields)}`)
    }
  const silent = (): void => {}
  const logger = {
    level: 'info',
    child: () => logger,
    isLevelEnabled: () => false,
    trace: silent,
    debug: silent,
    silent,
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  }
  return logger as unknown as Logger
}

const show = (fields: unknown): string =>
  JSON.stringify(fields, (_, value: unknown) =>
    value instanceof Error
      ? `${value.message} ${value.stack?.split('\n').slice(1, 4).join(' ') ?? ''}`
      : value,
  ) ?? ''
