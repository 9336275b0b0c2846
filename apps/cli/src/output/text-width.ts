import stringWidth from 'string-width'

/** Width in terminal cells: a Chinese character takes two. */
export const widthOf = (text: string): number => stringWidth(text)

/** Text cut to a width, with an ellipsis where something is left out. Control characters are replaced. */
export function fit(text: string, width: number): string {
  const clean = text.replaceAll(/\p{Cc}+/gu, ' ')
  if (widthOf(clean) <= width) return clean
  return `${takeCells(Array.from(clean), width - 1).join('')}…`
}

/** Text cut in its middle: names of one family differ at their ends. */
export function fitMiddle(text: string, width: number): string {
  const clean = text.replaceAll(/\p{Cc}+/gu, ' ')
  if (widthOf(clean) <= width) return clean
  const end = takeCells(Array.from(clean).toReversed(), Math.floor((width - 1) / 2))
    .toReversed()
    .join('')
  const start = takeCells(Array.from(clean), width - 1 - widthOf(end)).join('')
  return `${start}…${end}`
}

/** The first characters that take no more than so many cells. */
function takeCells(characters: readonly string[], cells: number): string[] {
  const taken: string[] = []
  let left = cells
  for (const character of characters) {
    left -= widthOf(character)
    if (left < 0) break
    taken.push(character)
  }
  return taken
}

export const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))

export const padLeft = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - widthOf(text))) + text
