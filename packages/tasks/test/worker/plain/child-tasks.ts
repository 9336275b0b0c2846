/** Tasks for tests of pools: imported by the test and by the children that it starts. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { threadId } from 'node:worker_threads'
import { signature } from '../../../src/canvas/signature.ts'
import { createMessageCodec } from '../../../src/message/message-codec.ts'
import { backendFromUrl } from '../../../src/result/backend-from-url.ts'
import { outgoingCall } from '../../../src/worker/plain/outgoing-call.ts'
import type { TaskValue } from '../../../src/message/task-value.ts'
import type { RegisteredTask } from '../../../src/worker/plain/registered-task.ts'
import type { TaskApp } from '../../../src/worker/plain/task-app.ts'

type Run = RegisteredTask['run']

/** Files and names are given as text. */
const textOf = (value: TaskValue | undefined): string => {
  if (typeof value === 'string') return value
  throw new TypeError('a text is expected')
}

const runs: Readonly<Record<string, Run>> = {
  whoami: () => [process.pid, threadId],
  add: ([x, y]) => Number(x) + Number(y),
  fail: () => {
    throw new RangeError('in the child')
  },
  when: ([at]) => at ?? null,
  unwritable: () => () => 'a function',
  // Deaf to every signal that is not SIGKILL, and to the abort of its context; the second run finds its file.
  spin: ([file]) => {
    if (existsSync(textOf(file))) return 'second run'
    writeFileSync(textOf(file), String(process.pid))
    for (;;) readFileSync(textOf(file))
  },
  polite: (_args, _kwargs, { signal }) =>
    new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve((signal.reason as Error).name), { once: true }),
    ),
  die: () => process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(3),
  // The second run finds the file of the first.
  'die-once': ([file]) => {
    if (existsSync(textOf(file))) return 'survived'
    writeFileSync(textOf(file), 'seen')
    return process.kill(process.pid, 'SIGKILL')
  },
  // Each run leaves a line, by its name; it ends once the file may have more lines than it has, by the number in `allowed`.
  note: async ([file, name, allowed]) => {
    appendFileSync(textOf(file), `${textOf(name)}\n`)
    const lines = (): number => readFileSync(textOf(file), 'utf8').split('\n').length - 1
    while (lines() >= Number(readFileSync(textOf(allowed), 'utf8')))
      await new Promise((resolve) => setTimeout(resolve, 20))
    return name ?? null
  },
  // By its number: succeeds, fails, or succeeds at its third try.
  soak: ([number], _kwargs, context) => {
    const kind = Number(number) % 4
    if (kind === 1) throw new RangeError('as it should')
    if (kind === 2 && context.request.retries < 2) context.retry({ countdown: 0 })
    return number ?? null
  },
  gather: ([all, file]) => {
    appendFileSync(textOf(file), 'body\n')
    return (all as readonly unknown[]).length
  },
  // The first run never ends; the second one finds its file.
  hold: async ([file]) => {
    if (existsSync(textOf(file))) return 'second run'
    writeFileSync(textOf(file), String(process.pid))
    return new Promise(() => setInterval(() => undefined, 1_000))
  },
  grow: () => {
    ;(globalThis as { ballast?: Buffer[] }).ballast = [Buffer.alloc(200 * 1_048_576, 1)]
  },
  ask: async (_args, _kwargs, context) => {
    context.logger.info({ answer: 42 }, 'asked')
    await context.updateState('PROGRESS', { done: 1 })
    const child = await context.apply(signature('add', [1, 2]))
    return child?.[0][0] ?? null
  },
}

export const childTasks: readonly RegisteredTask[] = Object.entries(runs).map(([name, run]) => ({
  name,
  run,
  options: name === 'die-once' ? { rejectOnWorkerLost: true } : {},
}))

const {
  WORKER_PREFIX: prefix = '',
  WORKER_REDIS_URL: redisUrl = 'disabled://',
  WORKER_KEY_PREFIX: keyPrefix = '',
} = process.env

/** What a worker finds here. */
export const app = {
  forWorker: async (): Promise<TaskApp> => {
    const codec = await createMessageCodec({ accept: ['json'] })
    return {
      tasks: {
        find: (name) => childTasks.find((task) => task.name === name) ?? null,
        names: () => childTasks.map(({ name }) => name).toSorted(),
      },
      backend: backendFromUrl(redisUrl, { keyPrefix }),
      codec,
      messageOf: (step, now) =>
        outgoingCall(step, { codec, prefix, queueOf: () => `${prefix}celery`, origin: 'test' }, now),
    }
  },
}
