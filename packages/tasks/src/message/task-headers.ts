import { z } from 'zod'
import { isTaskObject } from './task-body.ts'

/** Headers that the protocol names; all others belong to the user. */
export const protocolHeaders: ReadonlySet<string> = new Set([
  'lang',
  'task',
  'id',
  'shadow',
  'eta',
  'expires',
  'group',
  'group_index',
  'retries',
  'timelimit',
  'root_id',
  'parent_id',
  'argsrepr',
  'kwargsrepr',
  'origin',
  'ignore_result',
  'replaced_task_nesting',
  'stamped_headers',
  'stamps',
  'compression',
  'meth',
])

const name = z.string().min(1).max(255)
const text = z.string().nullish()
const seconds = z.number().nullable()
const count = z.number().int().nonnegative()

/** A time in Python's words; one without a zone is UTC, in which Celery writes unless it is told otherwise. */
const moment = z
  .string()
  .transform((value, context) => {
    const at = Date.parse(withZone(value))
    if (!Number.isNaN(at)) return withZone(value)
    context.addIssue({ code: 'custom', message: 'not an ISO 8601 time' })
    return z.NEVER
  })
  .nullish()

function withZone(value: string): string {
  const iso = value.replace(' ', 'T')
  return /T.*(?:Z|[+-]\d{2}:?\d{2}(?::?\d{2})?)$/i.test(iso) ? iso : `${iso}+00:00`
}

export const taskHeadersSchema = z.looseObject({
  task: name,
  id: name,
  root_id: text,
  parent_id: text,
  group: text,
  group_index: count.nullish(),
  retries: count.nullish(),
  eta: moment,
  expires: moment,
  timelimit: z.tuple([seconds, seconds]).nullish(),
  shadow: text,
  origin: text,
  argsrepr: text,
  kwargsrepr: text,
  ignore_result: z.boolean().nullish(),
  replaced_task_nesting: count.nullish(),
  stamped_headers: z.array(z.string()).nullish(),
  stamps: z.record(z.string(), z.unknown()).nullish(),
})

export type TaskHeaders = z.output<typeof taskHeadersSchema>

/**
 * Whether the schema would give these headers back as they are. Nearly all messages have such, and each of them is asked
 * about: this costs a tenth of the schema, which has the last word on all others.
 */
export const arePlainHeaders = (headers: Readonly<Record<string, unknown>>): headers is TaskHeaders =>
  isName(headers['task']) &&
  isName(headers['id']) &&
  isAbsentOr(headers['root_id'], 'string') &&
  isAbsentOr(headers['parent_id'], 'string') &&
  isAbsentOr(headers['group'], 'string') &&
  isCount(headers['group_index']) &&
  isCount(headers['retries']) &&
  isAbsent(headers['eta']) &&
  isAbsent(headers['expires']) &&
  isTimeLimit(headers['timelimit']) &&
  isAbsentOr(headers['shadow'], 'string') &&
  isAbsentOr(headers['origin'], 'string') &&
  isAbsentOr(headers['argsrepr'], 'string') &&
  isAbsentOr(headers['kwargsrepr'], 'string') &&
  isAbsentOr(headers['ignore_result'], 'boolean') &&
  isCount(headers['replaced_task_nesting']) &&
  isAbsent(headers['stamped_headers']) &&
  (isAbsent(headers['stamps']) || isTaskObject(headers['stamps']))

const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined

const isAbsentOr = (value: unknown, type: 'string' | 'boolean'): boolean =>
  isAbsent(value) || typeof value === type

const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= 255

const isCount = (value: unknown): boolean =>
  isAbsent(value) || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)

const isTimeLimit = (value: unknown): boolean =>
  isAbsent(value) ||
  (Array.isArray(value) && value.length === 2 && isSeconds(value[0]) && isSeconds(value[1]))

const isSeconds = (value: unknown): boolean => value === null || Number.isFinite(value)
