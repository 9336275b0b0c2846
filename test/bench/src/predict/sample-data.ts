/** Data of the predict benchmark: 4,000 rows of 23 numbers and a label that depends on some of them; always the same. */
export const columns: readonly string[] = Array.from({ length: 23 }, (_, index) => `x${index + 1}`)
const rowCount = 4_000

export type Row = Readonly<Record<string, number>>

/** mulberry32: the same numbers everywhere. */
function draws(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function sampleData(): { readonly rows: readonly Row[]; readonly csv: string } {
  const draw = draws(20_261_121)
  const rows: Row[] = []
  const lines = [`${columns.join(',')},label`]
  for (let index = 0; index < rowCount; index++) {
    const values = columns.map((_, column) => Number((draw() * (column + 1) * 10).toFixed(3)))
    const [first = 0, second = 0, third = 0] = values
    const score = first / 10 + (second > 8 ? 0.6 : 0) - third / 60 + draw() - 0.5
    rows.push(Object.fromEntries(columns.map((name, column) => [name, values[column] ?? 0])))
    lines.push([...values, score > 0.6 ? 1 : 0].join(','))
  }
  return { rows, csv: `${lines.join('\n')}\n` }
}
