import type { ControlMessage } from '@celeriac/contracts'

/** Whether a control message is meant for this node: by name, by pattern, or for all. */
export function isMeantFor(
  { destination, pattern, matcher }: Pick<ControlMessage, 'destination' | 'pattern' | 'matcher'>,
  nodeName: string,
): boolean {
  if (destination !== null && destination.length > 0) return destination.includes(nodeName)
  if (pattern === null || pattern === '') return true
  try {
    return (matcher === 'pcre' ? new RegExp(`^(?:${pattern})`) : globOf(pattern)).test(nodeName)
  } catch {
    return false // no pattern at all is meant for nobody
  }
}

/** As Python's `fnmatch`. */
const globOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
      .replaceAll('[!', '[^')}$`,
  )
