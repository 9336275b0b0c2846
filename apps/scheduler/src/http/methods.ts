import { AppError } from '@celeriac/core'
import type { Route } from './route.ts'

/** Finds the routes of a path, whatever their method; of a path without parameters before those with. */
export function routesByPath(routes: readonly Route[]): (path: string) => readonly Route[] {
  const patterns = routes.flatMap((route) =>
    [route.path, ...(route.alsoAt ?? [])].map((path) => ({ route, pattern: patternOf(path) })),
  )
  return (path) => {
    const found = patterns.filter(({ pattern }) => pattern.test(path)).map(({ route }) => route)
    // `/dags/validate` is a path of its own, not the DAG of that name.
    const literal = found.filter((route) => !route.path.includes('{'))
    return literal.length > 0 ? literal : found
  }
}

/** As Express matches: a last slash and the case of letters do not count. */
const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replace(/\/$/, '')
      .replaceAll('.', String.raw`\.`)
      .replaceAll(/\{\w+\}/g, '[^/]+')}/?$`,
    'i',
  )

/** The value of `Allow`. Every GET is answered without its body too. */
export const allowedMethods = (routes: readonly Route[]): string =>
  [
    ...new Set(routes.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))),
    'OPTIONS',
  ].join(', ')

export const methodNotAllowed = (method: string, allow: string): AppError =>
  new AppError('NOT_FOUND_METHOD', 'the route has no such method', { details: { method, allow } })
