/** A value in a message: JSON, cut to a readable length. */
export function show(value: unknown): string {
  // Cut first: a message must not cost as much as the value is long.
  const text =
    typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : (JSON.stringify(value) ?? 'nothing')
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`
}

/** The JSON type of a value, as JSON Schema names it. */
export function typeNameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}
