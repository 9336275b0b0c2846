import type { IncomingMessage } from 'node:http'
import { parse } from 'node:querystring'
import { checkInput } from './check-input.ts'
import type { GivenUrl, Route } from './route.ts'

type Values = Readonly<Record<string, unknown>>

/** A request's route, and what was in its URL. */
export class RouteMatch {
  readonly route: Route
  readonly given: GivenUrl
  #checked: { readonly params: unknown; readonly query: unknown } | null = null

  constructor(route: Route, params: Values, query: Values) {
    this.route = route
    this.given = { params, query }
  }

  /** Parameters that fit the route's schemas; throws VALIDATION_BODY_INVALID. Looked at once. */
  get input(): { readonly params: unknown; readonly query: unknown } {
    if (this.#checked !== null) return this.#checked
    const { params, query } = this.route
    this.#checked = {
      params: params === undefined ? undefined : Object.freeze(checkInput(params, this.given.params, 'path')),
      query: query === undefined ? undefined : Object.freeze(checkInput(query, this.given.query, 'query')),
    }
    return this.#checked
  }
}

/** A service is asked under few URLs, again and again. More, and longer ones, are matched each time. */
const mostKept = 1_000
const longestKept = 300

/** Express's way from a request to its handler costs more than a prediction: routes that say so are found before it. */
export function directRoutes(
  routes: readonly Route[],
): (request: Pick<IncomingMessage, 'method' | 'url'>) => RouteMatch | null {
  const direct = routes
    .filter(({ isDirect }) => isDirect === true)
    .map((route) => ({
      route,
      method: route.method.toUpperCase(),
      names: [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
      pattern: new RegExp(
        `^${route.path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '([^/?#]+)')}(?:\\?([^#]*))?$`,
      ),
    }))
  const match = (method: string | undefined, url: string): RouteMatch | null => {
    for (const { route, method: wanted, names, pattern } of direct) {
      if (method !== wanted) continue
      const found = pattern.exec(url)
      if (found === null) continue
      try {
        const params = Object.fromEntries(
          names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]),
        )
        const query = found[names.length + 1]
        return new RouteMatch(route, params, query === undefined ? {} : { ...parse(query) })
      } catch {
        // Percent escapes that are none: Express says so.
        return null
      }
    }
    return null
  }
  const kept = new Map<string, RouteMatch>()
  return ({ method, url = '' }) => {
    const known = kept.get(url)
    if (known !== undefined && known.route.method.toUpperCase() === method) return known
    const matched = match(method, url)
    if (matched !== null && url.length <= longestKept) {
      if (kept.size >= mostKept) kept.clear()
      kept.set(url, matched)
    }
    return matched
  }
}
