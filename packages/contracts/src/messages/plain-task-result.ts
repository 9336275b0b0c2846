/** What workers say about plain tasks, in Celery's words; the values are the tasks' own, so no schema holds for them. */
import type { JsonValue, ReturnedValue, TaskResult } from '@celeriac/core'
import { plainFailureOf } from './result-failure.ts'
import { type ResultEvent, type ResultMeta, startedEvent, taskProgressSchema } from './result-meta.ts'

/**
 * Characters of JSON up to which a returned value is kept whole: it is held in memory while its run goes on, and shown
 * with the run. What is larger belongs into a store of the task's own.
 */
export const maxReturnedCharacters = 16_384

/** Characters of JSON that are kept of a larger one, to recognise it by. */
const keptCharacters = 1_024

export function returnedValue(value: JsonValue): ReturnedValue {
  const text = JSON.stringify(value)
  return text.length <= maxReturnedCharacters
    ? { value, isCutOff: false }
    : { value: text.slice(0, keptCharacters), isCutOff: true }
}

export const returnedResult = (value: JsonValue): TaskResult => ({
  outputs: {},
  metrics: {},
  compat: [],
  returned: returnedValue(value),
})

/** Of a success whose value cannot be read: there is nothing to show of it. */
export const unreadResult: TaskResult = {
  outputs: {},
  metrics: {},
  compat: [],
  returned: { value: null, isCutOff: true },
}

/** The event of a plain task's result. States beyond Celery's own, and progress in another form, are no end. */
export function plainTaskEvent(meta: ResultMeta): ResultEvent {
  const worker = meta.worker ?? null
  switch (meta.status) {
    case 'STARTED':
      return startedEvent(meta)
    case 'PROGRESS': {
      const progress = taskProgressSchema.safeParse(meta.result)
      return progress.success ? { status: 'PROGRESS', progress: progress.data } : { status: 'OTHER' }
    }
    case 'SUCCESS':
      return { status: 'SUCCESS', result: returnedResult(meta.result ?? null), worker, startedAt: null }
    case 'FAILURE':
      return {
        status: 'FAILURE',
        ...plainFailureOf(meta.result, meta.traceback ?? null),
        worker,
        startedAt: null,
      }
    case 'REVOKED':
      return { status: 'REVOKED', reason: plainFailureOf(meta.result, null).failure.message }
    default:
      return { status: 'OTHER' }
  }
}
