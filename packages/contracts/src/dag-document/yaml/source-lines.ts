export interface SourcePosition {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
}

const lineBreak = /\r\n|\n|\r/g

/** Turns offsets into lines and columns. The table of line starts is built when first needed: most documents are fine. */
export function sourceLines(source: string): (offset: number) => SourcePosition {
  let starts: number[] | undefined
  return (offset) => {
    starts ??= [0, ...Array.from(source.matchAll(lineBreak), (match) => match.index + match[0].length)]
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}
