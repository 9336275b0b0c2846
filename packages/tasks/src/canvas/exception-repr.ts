import { pythonRepr } from '../message/python-repr.ts'
import type { TaskValue } from '../message/task-value.ts'
import type { ExceptionInfo } from '../result/task-meta.ts'

const whole = { maxLength: Infinity, maxDepth: 100 }

/** `repr` of an exception, as Python writes it: `ValueError('bad', 1)`. */
export function exceptionRepr({ exc_type: name, exc_message: message }: ExceptionInfo): string {
  const args: readonly TaskValue[] = typeof message === 'string' ? [message] : message
  return `${name}(${args.map((arg) => (typeof arg === 'string' ? quoted(arg) : pythonRepr(arg, whole))).join(', ')})`
}

/** In double quotes when that saves escaping. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
  return `${quote}${escaped}${quote}`
}
