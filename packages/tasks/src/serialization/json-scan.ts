/**
 * Looks over JSON text before `JSON.parse` does: for its depth, for integers that a double cannot hold, and for Python's
 * `NaN` and `Infinity`, which are no JSON. Most texts need no look at all.
 */
import { tooDeep, unreadable } from './limits.ts'

/** Fewer digits always fit into a double. */
const longDigits = /\d{16}/
const nonFinite = ['-Infinity', 'Infinity', 'NaN'] as const

/** Is there anything that `JSON.parse` would spoil, or could the text be too deep? */
export const needsScan = (text: string, maxDepth: number): boolean =>
  text.length > 2 * maxDepth || longDigits.test(text)

/**
 * The same text, with what `JSON.parse` cannot read written as tagged values; the same string when there is nothing of
 * the kind. @throws AppError BROKER_MESSAGE_MALFORMED when it is too deep
 */
export function scanJson(text: string, maxDepth: number): string {
  let depth = 0
  let rewritten = ''
  let copiedTo = 0
  const replace = (from: number, to: number, type: string): void => {
    rewritten += `${text.slice(copiedTo, from)}{"__type__":"${type}","__value__":"${text.slice(from, to)}"}`
    copiedTo = to
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = endOfString(text, at)
    } else if (code === openBracket || code === openBrace) {
      if (++depth > maxDepth) throw unreadable(tooDeep(maxDepth))
    } else if (code === closeBracket || code === closeBrace) {
      depth--
    } else if (isDigit(code) || code === minus || code === letterN || code === letterI) {
      const word = nonFinite.find((name) => text.startsWith(name, at))
      const end = word === undefined ? endOfNumber(text, at) : at + word.length
      if (word !== undefined) replace(at, end, 'float')
      else if (isLongInteger(text.slice(at, end))) replace(at, end, 'int')
      at = Math.max(at, end - 1)
    }
  }
  return copiedTo === 0 ? text : rewritten + text.slice(copiedTo)
}

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [
  0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d,
]
const [minus, letterN, letterI] = [0x2d, 0x4e, 0x49]
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** The place of the closing quote, or the end of a text that has none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}

function endOfNumber(text: string, start: number): number {
  const isPart = (code: number): boolean =>
    isDigit(code) || code === minus || code === 0x2b || code === 0x2e || code === 0x45 || code === 0x65
  let end = start
  while (isPart(text.charCodeAt(end))) end++
  return end
}

const isLongInteger = (number: string): boolean =>
  number.length > 15 && /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number))
