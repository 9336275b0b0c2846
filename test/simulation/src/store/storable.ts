const suspicious = /[\0\ud800-\udfff]/
const unstorable = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** The value as PostgreSQL gives it back: U+0000 and halves of surrogate pairs have become U+FFFD. */
export function storable<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (isSuspicious(member)) return replaced(value) as T
  return value
}

/** Ids and errors come from workers; results are checked where they are read, and numbers are numbers. */
const isSuspicious = (value: unknown): boolean =>
  typeof value === 'string'
    ? suspicious.test(value)
    : typeof value === 'object' && value !== null && Object.values(value).some(isSuspicious)

function replaced(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(unstorable, '\ufffd')
  if (Array.isArray(value)) return value.map(replaced)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaced(member)]))
}
