import { distance } from 'fastest-levenshtein'

/** Longer names are not compared: nobody mistypes them by hand, and comparing costs length². */
const longestCompared = 200

const letters = (name: string): string => Array.from(name).toSorted().join('')

/**
 * The candidate that was probably meant: the nearest by edits (case apart), at most a third of the name's length
 * away (2 edits when the letters are the same, just in another order), the first of equals. Undefined when nothing
 * is near.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name === '' || name.length > longestCompared) return undefined
  const wanted = name.toLowerCase()
  const wantedLetters = letters(wanted)
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    // The difference in length is a lower bound of the distance.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const other = candidate.toLowerCase()
    const edits = distance(wanted, other)
    const isSwap = best === undefined && edits === 2 && letters(other) === wantedLetters
    if (edits < bestDistance || isSwap) {
      best = candidate
      bestDistance = edits
    }
  }
  return best
}
