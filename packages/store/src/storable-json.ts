/**
 * PostgreSQL refuses two things that JSON allows: the character U+0000 and halves of surrogate pairs. They come in with
 * tracebacks and log text of user code, and must not make an engine batch fail for ever: both become U+FFFD.
 */
const suspicious = /\\u(?:0000|d[89a-f][0-9a-f]{2})/i
const unstorable = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** `JSON.stringify`, in a form that PostgreSQL takes. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value)
  // Well-formed pairs are not escaped by JSON.stringify, so this hits rarely, and then for a reason. To look for the two
  // characters first is much cheaper, and batches are long.
  return text.includes('\\u') && suspicious.test(text) ? JSON.stringify(replaceUnstorable(value)) : text
}

/** The value itself, or a copy without what PostgreSQL refuses. */
export const storable = <T>(value: T): T =>
  suspicious.test(JSON.stringify(value)) ? (replaceUnstorable(value) as T) : value

export const storableText = (text: string): string => text.replace(unstorable, '\ufffd')

function replaceUnstorable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map(replaceUnstorable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [storableText(key), replaceUnstorable(member)]),
  )
}
