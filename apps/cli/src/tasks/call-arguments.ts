import type { CallOptions, TaskObject, TaskValue } from '@celeriac/tasks'
import { z } from 'zod'
import { usageFault } from '../cli-fault.ts'

export interface CallFlags {
  readonly args?: string
  readonly kwargs?: string
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
  readonly priority?: number
  readonly countdown?: number
  readonly eta?: string
  readonly expires?: string
  readonly taskId?: string
  readonly serializer?: string
}

const listSchema = z.array(z.json())
const objectSchema = z.record(z.string(), z.json())

/** @param listed arguments that stand on their own, instead of --args. @throws CliFault usage */
export function argsOf(
  { args, kwargs = '{}' }: CallFlags,
  listed?: string,
): { readonly args: readonly TaskValue[]; readonly kwargs: TaskObject } {
  if (args !== undefined && listed !== undefined)
    throw usageFault('arguments are given after the task or as --args, not both')
  return {
    args: parsed(args ?? listed ?? '[]', listSchema, '--args', 'a JSON array'),
    kwargs: parsed(kwargs, objectSchema, '--kwargs', 'a JSON object'),
  }
}

function parsed<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  flag: string,
  what: string,
): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw usageFault(`${flag} takes ${what}: ${text} is no JSON`)
  }
  const read = schema.safeParse(value)
  if (!read.success) throw usageFault(`${flag} takes ${what}`)
  return read.data
}

/** @throws CliFault usage */
export function callOptionsOf(flags: CallFlags): CallOptions {
  const { queue, exchange, routingKey, priority, countdown, eta, expires, taskId, serializer } = flags
  if (countdown !== undefined && eta !== undefined)
    throw usageFault('a call waits for --countdown or until --eta, not both')
  return {
    ...given({ queue, exchange, routingKey, priority, countdown, taskId, serializer }),
    ...(eta === undefined ? {} : { eta: momentOf(eta, '--eta') }),
    ...(expires === undefined ? {} : { expires: secondsOrMoment(expires) }),
  }
}

/** What was said, without what was not. */
const given = <Values extends object>(values: Values): { [Key in keyof Values]?: NonNullable<Values[Key]> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Values]?: NonNullable<Values[Key]>
  }

function momentOf(text: string, flag: string): Date {
  const moment = new Date(text)
  // Without a time zone it would be another moment on another machine.
  if (!Number.isNaN(moment.getTime()) && /(?:Z|[+-]\d\d:?\d\d)$/i.test(text)) return moment
  throw usageFault(`${flag} takes a moment with its time zone, as 2026-11-21T08:00:00Z`)
}

function secondsOrMoment(text: string): number | Date {
  const seconds = Number(text)
  return Number.isFinite(seconds) && seconds > 0 ? seconds : momentOf(text, '--expires')
}
