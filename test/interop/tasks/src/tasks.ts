/** What Celery's clients call in these tests. */
import { setTimeout as delay } from 'node:timers/promises'
import { chain, group, SoftTimeLimitExceeded, TaskError, GroupResult, type TaskValue } from '@celeriac/tasks'
import { z } from 'zod'
import { app, effects } from './app.ts'

export { app } from './app.ts'

/** Whatever a call may give; but it must give it. */
const anyValue = z.custom<TaskValue>((value) => value !== undefined)

const x = z.number().meta({ title: 'x' })
const y = z.number().meta({ title: 'y' })

export const add = app.task('tasks.add', z.tuple([x, y.default(0)]), ([augend, addend]) => augend + addend)

app.task('tasks.total', z.object({ numbers: z.array(z.number()) }), ({ numbers }) =>
  numbers.reduce((sum, number) => sum + number, 0),
)

app.task('tasks.echo', z.tuple([]).rest(anyValue), (args) => [...args])

app.task('tasks.named', z.looseObject({ first: anyValue }), (named) => named)

app.task('tasks.ignored', z.tuple([x]), ([value]) => value, { ignoreResult: true })

/** Not one of Python's, and not one that JavaScript has: the client makes a class of this name, or has one. */
class CardDeclined extends TaskError {
  constructor(...args: readonly TaskValue[]) {
    super(args, { excType: 'CardDeclined', excModule: 'client_errors' })
  }
}

app.task('tasks.fail', z.object({ text: z.string() }), ({ text }) => {
  throw new TaskError([text, 42], { excType: 'ValueError', excModule: 'builtins' })
})

app.task('tasks.declined', z.object({ reason: z.string() }), ({ reason }) => {
  throw new CardDeclined(reason, { retry: false })
})

app.task('tasks.broken', z.object({}), () => {
  throw new RangeError('out of range', { cause: new Error('the cause') })
})

app.task(
  'tasks.flaky',
  z.object({ failures: z.int() }),
  ({ failures }, context) => {
    const { retries } = context.request
    return retries < failures ? context.retry({ cause: new Error('not yet'), countdown: 0 }) : retries
  },
  { maxRetries: 3 },
)

/** Waits with the retry, so that the state of the task can be seen. */
app.task('tasks.later', z.object({}), (_, context) =>
  context.request.retries === 0
    ? context.retry({
        cause: new TaskError(['busy'], { excType: 'OSError', excModule: 'builtins' }),
        countdown: 1,
      })
    : 'done',
)

app.task(
  'tasks.unstable',
  z.object({ failures: z.int() }),
  ({ failures }, { request: { retries } }) => {
    if (retries < failures) throw new CardDeclined('again')
    return retries
  },
  { retryFor: [CardDeclined], maxRetries: 2, retryBackoff: 0.01, retryJitter: false },
)

app.task(
  'tasks.nap',
  z.object({ seconds: z.number() }),
  async ({ seconds }, { signal }) => {
    await delay(seconds * 1_000, undefined, { signal })
    return 'rested'
  },
  { trackStarted: true },
)

app.task('tasks.guarded', z.object({ seconds: z.number() }), async ({ seconds }, { signal }) => {
  try {
    await delay(seconds * 1_000, undefined, { signal })
    return 'rested'
  } catch (error) {
    if (signal.reason instanceof SoftTimeLimitExceeded) return 'tidied up'
    throw error
  }
})

/** Listens to nothing: its process must be killed. */
app.task(
  'tasks.spin',
  z.object({}),
  () => {
    for (;;);
  },
  { isolation: 'process', trackStarted: true },
)

app.task('tasks.progress', z.object({ key: z.string() }), async ({ key }, context) => {
  await context.updateState('PROGRESS', { done: 0.5 })
  await untilWritten(key)
  return 'finished'
})

app.task('tasks.children', z.object({}), async () => {
  await add.delay(1, 1)
  await add.delay(2, 2)
  return 'parent'
})

app.task('tasks.replaced', z.tuple([x, y]), ([augend, addend], context) =>
  context.replace(chain(add.s(augend, addend), add.s(100))),
)

app.task('tasks.request', z.object({}), (_, { request }) => {
  const { id, rootId, parentId, group, groupIndex, retries, headers, priority, timelimit, stamps } = request
  return { id, rootId, parentId, group, groupIndex, retries, headers, priority, timelimit, stamps }
})

/** A member of a chord that tells when it runs, and takes a while. */
app.task('tasks.note', z.object({ key: z.string(), member: z.int() }), async ({ key, member }) => {
  await effects().rpush(key, JSON.stringify(member))
  await delay(50)
  return member
})

/** As a link or an errback. */
app.task('tasks.store', z.object({ value: anyValue, key: z.string() }), async ({ value, key }) => {
  await effects().rpush(key, JSON.stringify(value))
  return null
})

/** An errback as Celery's new ones: called where the task failed. */
app.task(
  'tasks.mourn',
  z.tuple([anyValue, anyValue, anyValue, z.string()]),
  async ([request, error, traceback, key]) => {
    await effects().rpush(key, JSON.stringify([request, error, typeof traceback]))
    return null
  },
  { takesFailure: true },
)

/** Waits until the test lets it go on. */
app.task('tasks.gate', z.object({ key: z.string() }), async ({ key }) => {
  await untilWritten(key)
  return 'open'
})

async function untilWritten(key: string): Promise<void> {
  while ((await effects().exists(key)) === 0) await delay(20)
}

/** The id of a group that was saved here, for the client to find. */
app.task('tasks.saved_group', z.object({}), async () => {
  const called = await app.apply(group(add.s(1, 1), add.s(2, 2)))
  if (!(called instanceof GroupResult)) throw new TypeError('a group gives a result of its own')
  await called.save()
  return called.id
})
