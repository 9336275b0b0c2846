import { AppError } from '@celeriac/core'

/**
 * JSON as Python writes it: `NaN` and `Infinity`, which JSON has not, are what pandas and numpy make of missing and
 * infinite cells. NaN counts as missing, null; an infinity stays one, for whoever checks numbers. Text that is JSON costs
 * nothing more. Throws VALIDATION_BODY_INVALID.
 */
export function parseLenientJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const repaired = withoutWords(text)
    try {
      if (repaired !== text) return JSON.parse(repaired)
    } catch {
      // The first complaint is about what was sent.
    }
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not JSON', {
      cause,
      details: { reason: cause instanceof Error ? cause.message.slice(0, 200) : '' },
    })
  }
}

const words: Readonly<Record<string, string>> = {
  NaN: 'null',
  '-NaN': 'null',
  Infinity: '1e999',
  '-Infinity': '-1e999',
}
const quoteOrWord = /"|-?(?:NaN|Infinity)\b/g

/**
 * The words outside of strings as JSON. Strings are skipped by hand: a pattern that matches them as well takes a time that
 * grows with the square of a string that has no end.
 */
function withoutWords(text: string): string {
  const parts: string[] = []
  let copied = 0
  quoteOrWord.lastIndex = 0
  for (let found = quoteOrWord.exec(text); found !== null; found = quoteOrWord.exec(text)) {
    const [what] = found
    if (what === '"') quoteOrWord.lastIndex = endOfString(text, found.index)
    else {
      parts.push(text.slice(copied, found.index), words[what] ?? what)
      copied = quoteOrWord.lastIndex
    }
  }
  return parts.join('') + text.slice(copied)
}

/** Behind the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1)
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1)
  return quote === -1 ? text.length : quote + 1
}

function isEscaped(text: string, at: number): boolean {
  let before = at
  while (text[before - 1] === '\\') before -= 1
  return (at - before) % 2 === 1
}

export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('VALIDATION_BODY_INVALID', 'the request body is not UTF-8 text', { cause })
  }
}
