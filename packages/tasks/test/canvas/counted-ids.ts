/** Ids that look like Celery's and come in order. */
export function countedIds(prefix = '00000000'): () => string {
  let count = 0
  return () => `${prefix}-0000-4000-8000-${String(++count).padStart(12, '0')}`
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * The value with every id replaced by its rank of appearance, keys sorted, and what means nothing left out: two plans are
 * the same exactly when their canonical forms are.
 */
export function canonical(value: unknown): unknown {
  const ranks = new Map<string, string>()
  const rank = (id: string): string => {
    const known = ranks.get(id)
    if (known !== undefined) return known
    const next = `id${ranks.size + 1}`
    ranks.set(id, next)
    return next
  }
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string') return item.replace(uuid, rank)
    if (isResultTuple(item)) {
      const [[id, parent], children] = item
      return [[id === 'header' ? id : walk(id), walk(anonymousHeader(parent))], walk(children)]
    }
    if (Array.isArray(item)) return item.map(walk)
    if (item === null || typeof item !== 'object') return item
    const entries = Object.entries(withoutRoot(item as Record<string, unknown>))
      .map(([key, held]) => [key, tidy(key, held)] as const)
      .sort(([left], [right]) => (left < right ? -1 : 1))
    return Object.fromEntries(entries.map(([key, held]) => [key, walk(held)]))
  }
  return walk(value)
}

type Tuple = readonly [readonly [string, Tuple | null], readonly Tuple[] | null]

const isResultTuple = (item: unknown): item is Tuple =>
  Array.isArray(item) &&
  item.length === 2 &&
  Array.isArray(item[0]) &&
  item[0].length === 2 &&
  (item[0][0] === 'header' || uuid.test(String(item[0][0])))

/**
 * Celery gives the header of a chord a new id each time that it freezes the chord, and results then tell an id that no
 * group was sent under. Celeriac's tell the one that is sent.
 */
const anonymousHeader = (parent: Tuple | null): Tuple | null =>
  parent === null || parent[1] === null ? parent : [['header', parent[0][1]], parent[1]]

/** A group that waits in a message gets its root from whoever sends it; whether it names one before means nothing. */
function withoutRoot(item: Record<string, unknown>): Record<string, unknown> {
  if (item['subtask_type'] !== 'group') return item
  const { root_id: _root, parent_id: _parent, ...options } = item['options'] as Record<string, unknown>
  return { ...item, options }
}

const linkKeys = ['link', 'link_error', 'callbacks', 'errbacks']

/**
 * Options that Celery leaves as null, or that only its own process understands, mean the same as none. A callback that is
 * there already is not added again, which Celery sees only where both have their arguments in the same type of sequence.
 */
function tidy(key: string, value: unknown): unknown {
  if (linkKeys.includes(key) && Array.isArray(value))
    return [...new Map(value.map((link) => [JSON.stringify(link), link as unknown])).values()]
  if (key === 'stamped_headers' && Array.isArray(value)) return [...(value as string[])].sort()
  if (key !== 'options' || value === null || typeof value !== 'object') return value
  const kept = Object.fromEntries(
    Object.entries(value).filter(([name, held]) => held !== null && name !== 'add_to_parent'),
  )
  // Names leak from one signature to the next where Celery stamps them from the same list.
  const names = kept['stamped_headers'] as readonly string[] | undefined
  return names === undefined ? kept : { ...kept, stamped_headers: names.filter((name) => name in kept) }
}
