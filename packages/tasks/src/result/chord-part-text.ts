import { AppError } from '@celeriac/core'
import { z } from 'zod'
import type { TaskValue } from '../message/task-value.ts'
import { decodeJson, encodeJson } from '../serialization/json.ts'
import type { ChordPart } from './result-backend.ts'

const schema = z.tuple([z.unknown(), z.string().min(1), z.string().min(1), z.unknown()])

/**
 * A chord part as Celery keeps it: `[1, task id, state, result]`. Celery counts texts, not tasks: the spaces and escapes
 * of Python's JSON are written too, so that a part repeated by a Python worker is, for most values, the same text.
 */
export const encodeChordPart = (part: Pick<ChordPart, 'taskId' | 'state' | 'result'>): string =>
  asPythonWrites(encodeJson([1, part.taskId, part.state, part.result]))

/** @throws AppError BROKER_MESSAGE_MALFORMED */
export function decodeChordPart(text: string): Pick<ChordPart, 'taskId' | 'state' | 'result'> {
  const parsed = schema.safeParse(decodeJson(text))
  if (!parsed.success)
    throw new AppError('BROKER_MESSAGE_MALFORMED', 'a chord part does not fit its schema', {
      details: { problems: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) },
    })
  const [, taskId, state, result] = parsed.data
  return { taskId, state, result: (result ?? null) as TaskValue }
}

/** What a part's text begins with, as Python and as a compact writer write it. */
export const chordPartPrefixes = (taskId: string): readonly [spaced: string, compact: string] => [
  `[1, ${escaped(JSON.stringify(taskId))},`,
  `[1,${escaped(JSON.stringify(taskId))},`,
]

const asPythonWrites = (json: string): string =>
  escaped(json.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (token) => (token.length === 1 ? `${token} ` : token)))

const escaped = (json: string): string =>
  json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
