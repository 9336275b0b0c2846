import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { SignatureOptions } from '../canvas/signature-dict.ts'

/** Where and how calls of a task go; the name of a queue, or more. */
export type Route =
  | string
  | {
      readonly queue?: string
      readonly exchange?: string
      readonly routingKey?: string
      readonly priority?: number
      readonly serializer?: string
      readonly compression?: string
    }

export interface RoutedCall {
  readonly task: string
  readonly args: readonly TaskValue[]
  readonly kwargs: TaskObject
}

export type RouteFunction = (call: RoutedCall) => Route | null | undefined

/** A name, or a pattern with `*`, `?` and `[…]` as Python's `fnmatch` has them; or a regular expression. */
export interface RouteRule {
  readonly task: string | RegExp
  readonly to: Route
}

/**
 * An object: by name, or by pattern; exact names first, then patterns in the order they stand there. A list: rules and
 * functions, asked in turn; the first that answers counts.
 */
export type Routes = Readonly<Record<string, Route>> | readonly (RouteRule | RouteFunction)[]

/** Gives the route of a call, under Celery's names of options; null where nothing says. */
export function compileRoutes(routes: Routes): (call: RoutedCall) => SignatureOptions | null {
  const rules = isList(routes) ? routes : rulesOf(routes)
  const functions = rules.map(functionOf)
  return (call) => {
    for (const route of functions) {
      const found = route(call)
      if (found !== null && found !== undefined) return optionsOf(found)
    }
    return null
  }
}

const isList = (routes: Routes): routes is readonly (RouteRule | RouteFunction)[] => Array.isArray(routes)

function rulesOf(routes: Readonly<Record<string, Route>>): readonly RouteRule[] {
  const rules = Object.entries(routes).map(([task, to]) => ({ task, to }))
  const isPattern = ({ task }: { readonly task: string }): boolean => /[*?[]/.test(task)
  return [...rules.filter((rule) => !isPattern(rule)), ...rules.filter(isPattern)]
}

function functionOf(rule: RouteRule | RouteFunction): RouteFunction {
  if (typeof rule === 'function') return rule
  // A sticky or global expression would remember where it stopped.
  const pattern =
    typeof rule.task === 'string'
      ? globPattern(rule.task)
      : new RegExp(rule.task.source, rule.task.flags.replaceAll(/[gy]/g, ''))
  return ({ task }) => (pattern.test(task) ? rule.to : null)
}

/** Python's `fnmatch`, case-sensitive. */
export function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(
    /\[(!?)([^\]]+)\]|[*?]|[\\^$.+()|{}[\]]/g,
    (token, not?: string, set?: string) => {
      if (token === '*') return '.*'
      if (token === '?') return '.'
      if (set !== undefined) return `[${not === '!' ? '^' : ''}${set.replaceAll(/[\\^[]/g, String.raw`\$&`)}]`
      return `\\${token}`
    },
  )
  return new RegExp(`^${source}$`, 's')
}

function optionsOf(route: Route): SignatureOptions {
  if (typeof route === 'string') return { queue: route }
  const { routingKey, ...same } = route
  return { ...same, ...(routingKey === undefined ? {} : { routing_key: routingKey }) }
}
