import { z } from 'zod'

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
