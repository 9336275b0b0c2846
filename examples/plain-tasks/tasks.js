// Plain tasks beside operators, served by one worker:
//   celeriac worker --import examples/plain-tasks/tasks.js -Q celery,celeriac.local -c 8
// and called from anywhere: `celeriac call tasks.add '[2, 3]'`, `app.sendTask('tasks.add', [2, 3])`, or from Python
// `celery.send_task('tasks.add', (2, 3))`.
import { setTimeout } from 'node:timers/promises'
import { Celeriac } from '@celeriac/tasks'
import { z } from 'zod'

export const app = new Celeriac({
  broker: process.env.CELERIAC_AMQP_URL ?? 'amqp://guest:guest@127.0.0.1:5672',
  backend: process.env.CELERIAC_REDIS_URL ?? 'redis://127.0.0.1:6379',
  prefix: process.env.CELERIAC_QUEUE_PREFIX ?? '',
})

const x = z.number().meta({ title: 'x' })
const y = z.number().meta({ title: 'y' })

export const add = app.task('tasks.add', z.tuple([x, y]), ([left, right]) => left + right)

export const fetchPage = app.task(
  'tasks.fetch_page',
  z.object({ url: z.url() }),
  async ({ url }, { signal }) => {
    const response = await fetch(url, { signal })
    return { status: response.status, bytes: (await response.arrayBuffer()).byteLength }
  },
  // A server that is away for a moment: 2 s, 4 s, 8 s … until it is back, half an hour at most.
  { retryFor: [TypeError], retryBackoff: 2, retryBackoffMax: 300, maxRetries: 10, softTimeLimit: 30 },
)

export const countTo = app.task(
  'tasks.count_to',
  z.tuple([z.int(), z.number()]),
  async ([end, pause], context) => {
    for (let done = 0; done < end; done++) {
      await context.updateState('PROGRESS', { done, of: end })
      await setTimeout(pause * 1_000, undefined, { signal: context.signal })
    }
    return process.pid
  },
)

// Computes without ever yielding: it needs a process of its own, which the time limit can kill.
export const fibonacci = app.task('tasks.fibonacci', z.tuple([z.int().min(0)]), ([n]) => fib(n), {
  isolation: 'process',
  timeLimit: 60,
  rejectOnWorkerLost: true,
})

/** @param {number} n @returns {number} */
const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2))
