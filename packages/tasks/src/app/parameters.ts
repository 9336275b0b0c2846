/**
 * Parameters of a task and how a call's arguments fit them: by Python's rules and with Python's words, because the caller
 * may be Python and reads the error there.
 */
import { z } from 'zod'
import { hasNone } from '../canvas/call.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'

/**
 * What a task takes. A tuple: arguments by position; an element with a title, `z.number().meta({ title: 'x' })`, can also
 * be given by that name. An object: named parameters in the order of declaration, given by position, by name, or mixed.
 */
export type TaskSchema = z.ZodTuple | z.ZodObject

interface Parameter {
  readonly name: string
  readonly isRequired: boolean
  readonly isPositionalOnly: boolean
}

export interface Parameters {
  readonly named: readonly Parameter[]
  /** A tuple with a rest element: Python's `*args`. */
  readonly takesMoreArgs: boolean
  /** An object that keeps unknown keys: Python's `**kwargs`. */
  readonly takesMoreKwargs: boolean
  readonly isTuple: boolean
}

export function parametersOf(schema: TaskSchema): Parameters {
  if (schema instanceof z.ZodTuple) {
    const { items, rest } = schema.def
    return {
      named: items.map((item, index) => {
        const title = titleOf(item as z.ZodType)
        const isRequired = !z.safeParse(item, undefined).success
        return { name: title ?? `arg${index + 1}`, isRequired, isPositionalOnly: title === undefined }
      }),
      takesMoreArgs: rest !== null,
      takesMoreKwargs: false,
      isTuple: true,
    }
  }
  const { shape, catchall } = schema.def
  return {
    named: Object.entries(shape).map(([name, item]) => ({
      name,
      isRequired: !z.safeParse(item, undefined).success,
      isPositionalOnly: false,
    })),
    takesMoreArgs: false,
    takesMoreKwargs: catchall !== undefined && !(catchall instanceof z.ZodNever),
    isTuple: false,
  }
}

/** `.meta({ title: 'x' }).optional()` is as good as the other way round. */
function titleOf(item: z.ZodType): string | undefined {
  const title = z.globalRegistry.get(item)?.title
  if (title !== undefined) return title
  const isWrapped =
    item instanceof z.ZodOptional ||
    item instanceof z.ZodNullable ||
    item instanceof z.ZodDefault ||
    item instanceof z.ZodReadonly
  return isWrapped ? titleOf(item.def.innerType as z.ZodType) : undefined
}

/** What the schema is asked about: a list for a tuple, an object for an object. */
export type BoundArguments = readonly (TaskValue | undefined)[] | TaskObject

/**
 * Fits arguments to parameters.
 * @throws TypeError with the text of Python's
 */
export function bindArguments(
  task: string,
  parameters: Parameters,
  args: readonly TaskValue[],
  kwargs: TaskObject,
): BoundArguments {
  const { named, takesMoreArgs, takesMoreKwargs, isTuple } = parameters
  const isFit = args.length === named.length || (takesMoreArgs && args.length > named.length)
  if (isTuple && isFit && hasNone(kwargs)) return args
  const call = `${task.slice(task.lastIndexOf('.') + 1)}()`
  const values = new Map<string, TaskValue>()
  for (const [index, parameter] of named.entries())
    if (index < args.length) values.set(parameter.name, args[index] as TaskValue)
  const more: Record<string, TaskValue> = {}
  for (const [name, value] of Object.entries(kwargs)) {
    const parameter = named.find((candidate) => candidate.name === name && !candidate.isPositionalOnly)
    if (parameter === undefined) {
      if (!takesMoreKwargs) throw new TypeError(`${call} got an unexpected keyword argument '${name}'`)
      more[name] = value
    } else if (values.has(name)) throw new TypeError(`${call} got multiple values for argument '${name}'`)
    else values.set(name, value)
  }
  if (args.length > named.length && !takesMoreArgs) throw tooMany(call, named, args.length)
  const missing = named.filter(({ name, isRequired }) => isRequired && !values.has(name))
  if (missing.length > 0) throw isMissing(call, missing)
  if (!isTuple) return { ...Object.fromEntries(values), ...more }
  const last = named.findLastIndex(({ name }) => values.has(name))
  return [...named.slice(0, last + 1).map(({ name }) => values.get(name)), ...args.slice(named.length)]
}

function tooMany(call: string, named: readonly Parameter[], given: number): TypeError {
  const most = named.length
  const least = named.filter(({ isRequired }) => isRequired).length
  const takes = least === most ? `${most}` : `from ${least} to ${most}`
  return new TypeError(
    `${call} takes ${takes} positional argument${most === 1 && least === most ? '' : 's'} but ${given} ${given === 1 ? 'was' : 'were'} given`,
  )
}

function isMissing(call: string, missing: readonly Parameter[]): TypeError {
  const names = missing.map(({ name }) => `'${name}'`)
  const last = names.pop() ?? ''
  const comma = names.length > 1 ? ',' : ''
  const list = names.length === 0 ? last : `${names.join(', ')}${comma} and ${last}`
  return new TypeError(
    `${call} missing ${missing.length} required positional argument${missing.length === 1 ? '' : 's'}: ${list}`,
  )
}
