import stringWidth from 'string-width'

/** Width in terminal cells: a Chinese character takes two. */
export const widthOf = (text: string): number => stringWidth(text)

/** Text cut to a width, with an ellipsis where something is left out. Control characters are replaced. */
export function fit(text: string, width: number): string {
  const clean = text.replaceAll(/\p{Cc}+/gu, ' ')
  if (widthOf(clean) <= width) return clean
  let cut = ''
  let used = 0
  for (const character of clean) {
    const next = widthOf(character)
    if (used + next > width - 1) break
    cut += character
    used += next
  }
  return `${cut}…`
}

export const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))

export const padLeft = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - widthOf(text))) + text
