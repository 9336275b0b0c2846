import { usageFault } from '../cli-fault.ts'

/** A command as workers take it. */
export interface ControlCall {
  readonly method: string
  readonly arguments: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
  /** Workers say what became of it. */
  readonly isAnswered: boolean
}

export interface TerminateFlags {
  readonly terminate?: boolean
  readonly signal?: string
}

interface CommandForm {
  /** For people: what follows the name. */
  readonly usage: string
  /** Numbers of arguments. */
  readonly least: number
  readonly most: number
  readonly read: (args: readonly string[], flags: TerminateFlags) => ControlCall['arguments']
  readonly isSilent?: boolean
}

const none: CommandForm = { usage: '', least: 0, most: 0, read: () => ({}) }
const many = Number.POSITIVE_INFINITY

const ending = ({ terminate = false, signal = 'SIGTERM' }: TerminateFlags) => ({ terminate, signal })

const count = (text = '1'): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw usageFault(`a whole number above 0 is expected, not ${text}`)
}

const secondsOrNone = (text: string | undefined): number | null => {
  if (text === undefined || text === 'none') return null
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw usageFault(`a number of seconds or none is expected, not ${text}`)
}

/** Commands and the order of their arguments are those of `celery control`. */
const forms = {
  revoke: {
    usage: 'ID…',
    least: 1,
    most: many,
    read: (ids, flags) => ({ task_id: ids, ...ending(flags) }),
  },
  terminate: {
    usage: 'SIGNAL ID…',
    least: 2,
    most: many,
    read: ([signal = '', ...ids]) => ({ task_id: ids, signal }),
  },
  revoke_by_stamped_headers: {
    usage: 'HEADER=STAMP…',
    least: 1,
    most: many,
    read: (stamps, flags) => {
      const wrong = stamps.find((stamp) => !/^[^=]+=/.test(stamp))
      if (wrong !== undefined) throw usageFault(`HEADER=STAMP is expected, not ${wrong}`)
      return { headers: stamps, ...ending(flags) }
    },
  },
  rate_limit: {
    usage: 'TASK RATE',
    least: 2,
    most: 2,
    read: ([task = '', rate = '']) => ({ task_name: task, rate_limit: rate }),
  },
  time_limit: {
    usage: 'TASK SOFT [HARD]',
    least: 2,
    most: 3,
    read: ([task = '', soft, hard]) => ({
      task_name: task,
      soft: secondsOrNone(soft),
      hard: secondsOrNone(hard),
    }),
  },
  pool_grow: { usage: '[N]', least: 0, most: 1, read: ([n]) => ({ n: count(n) }) },
  pool_shrink: { usage: '[N]', least: 0, most: 1, read: ([n]) => ({ n: count(n) }) },
  autoscale: {
    usage: 'MAX MIN',
    least: 2,
    most: 2,
    read: ([max, min]) => ({ max: count(max), min: count(min) }),
  },
  add_consumer: {
    usage: 'QUEUE [EXCHANGE [TYPE [KEY]]]',
    least: 1,
    most: 4,
    read: ([queue = '', exchange = null, type = 'direct', key = null]) => ({
      queue,
      exchange,
      exchange_type: type,
      routing_key: key,
    }),
  },
  cancel_consumer: { usage: 'QUEUE', least: 1, most: 1, read: ([queue = '']) => ({ queue }) },
  enable_events: none,
  disable_events: none,
  heartbeat: { ...none, isSilent: true },
  shutdown: { ...none, isSilent: true },
} as const satisfies Record<string, CommandForm>

export type ControlName = keyof typeof forms
export const controlNames = Object.keys(forms) as readonly ControlName[]

/** One line per command, for the help. */
export const controlUsage = (): string =>
  Object.entries<CommandForm>(forms)
    .map(([name, { usage }]) => `  ${`${name} ${usage}`.trimEnd()}`)
    .join('\n')

/** @throws CliFault usage */
export function controlCallOf(
  name: ControlName,
  args: readonly string[],
  flags: TerminateFlags,
): ControlCall {
  const { usage, least, most, read, isSilent = false }: CommandForm = forms[name]
  if (args.length < least || args.length > most)
    throw usageFault(`the command line is: celeriac control ${`${name} ${usage}`.trimEnd()}`)
  return { method: name, arguments: read(args, flags), isAnswered: !isSilent }
}
