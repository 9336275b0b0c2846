/** Tasks that fail, retry, or refuse their message. */
import { Reject } from '@celeriac/tasks'
import { z } from 'zod'
import { anyValue, app, nameOf } from './app.ts'
import { ExpectedException, UnpickleableException, ValueError } from './python-errors.ts'

const anyArgs = z.tuple([]).rest(anyValue)

export const raiseError = app.task(nameOf('raise_error'), anyArgs, () => {
  throw new ValueError('deliberate error')
})

export const fail = app.task(nameOf('fail'), anyArgs, (args) => {
  throw new ExpectedException('Task expected to fail', ...args)
})

app.task(nameOf('fail_unpickleable'), z.object({ foo: anyValue, bar: anyValue }), ({ foo }) => {
  throw new UnpickleableException(foo)
})

/** Attempts of `retry`; Python's keeps them in its task object, which all calls share. */
let attempts = 0

app.task(
  nameOf('retry'),
  z.object({ return_value: anyValue.nullish() }),
  ({ return_value: value }, context) => {
    if (value) {
      if (attempts >= 3) {
        attempts = 0
        return value
      }
      attempts += 1
    }
    return context.retry({ cause: new ExpectedException(), countdown: 5 })
  },
  { defaultRetryDelay: 1 },
)

const retryKwargs = z.object({ countdown: z.number(), max_retries: z.int() })

app.task(
  nameOf('retry_unpickleable'),
  z.object({ foo: anyValue, bar: anyValue, retry_kwargs: retryKwargs }),
  ({ foo, retry_kwargs: { countdown, max_retries: maxRetries } }, context) =>
    context.retry({ cause: new UnpickleableException(foo), countdown, maxRetries }),
  { defaultRetryDelay: 1 },
)

const retryOptions = {
  max_retries: z.int().default(1),
  countdown: z.number().default(0.1),
}

app.task(
  nameOf('retry_once'),
  z.object({ expires: z.number().nullish(), ...retryOptions }),
  ({ expires, max_retries: maxRetries, countdown }, context) =>
    context.request.retries > 0
      ? context.request.retries
      : context.retry({
          countdown,
          maxRetries,
          ...(typeof expires === 'number' ? { options: { expires } } : {}),
        }),
  { expires: 120, maxRetries: 1 },
)

app.task(
  nameOf('retry_once_priority'),
  z.object({ expires: z.number().default(60), ...retryOptions }),
  ({ max_retries: maxRetries, countdown }, context) =>
    context.request.retries > 0 ? context.request.priority : context.retry({ countdown, maxRetries }),
  { maxRetries: 1 },
)

app.task(
  nameOf('retry_once_headers'),
  z.object(retryOptions),
  ({ max_retries: maxRetries, countdown }, context) =>
    context.request.retries > 0 ? context.request.headers : context.retry({ countdown, maxRetries }),
  { maxRetries: 1 },
)

app.task(
  'auto_retry_class_task',
  z.object({}),
  (_, { request }) => {
    if (request.retries > 0) return request.retries
    throw new ValueError()
  },
  { retryFor: [ValueError], maxRetries: 1, retryBackoff: 1 },
)

app.task(
  nameOf('store_success_then_reject'),
  z.object({}),
  async (_, context) => {
    if (context.request.redelivered) return 'dedup-pass'
    await context.updateState('SUCCESS', 'first-pass')
    throw new Reject(null, true)
  },
  { acksLate: true },
)

app.task(
  nameOf('reject_then_succeed'),
  z.object({}),
  (_, { request }) => {
    if (request.redelivered) return 'second-pass'
    throw new Reject(null, true)
  },
  { acksLate: true },
)

app.task(nameOf('reject_without_requeue'), z.object({}), () => {
  throw new Reject('rejected', false)
})
