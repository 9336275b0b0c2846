import type { Page } from '@celeriac/core'

interface PageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
}

/** A query as the store takes it: what was not given is not there. */
export const given = <Q extends PageQuery>(query: Q) =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Q]: Exclude<Q[Key], undefined>
  }

export const pageView = <T, V>(
  page: Page<T>,
  view: (item: T) => V,
): { items: V[]; next_cursor: string | null } => ({
  items: page.items.map((item) => view(item)),
  next_cursor: page.cursor,
})
