/** Entry of a child process or thread of a pool: loads the modules with the tasks, then runs one handler at a time. */
import process from 'node:process'
import { parentPort } from 'node:worker_threads'
import { AppError, messageOf } from '@celeriac/core'
import type { ResultTuple } from '../../result/task-meta.ts'
import { NotRegistered } from '../../result/task-errors.ts'
import { failureOf, runHandler, type HandlerOutcome } from '../plain/handler-outcome.ts'
import { loadTaskApp } from '../plain/load-task-app.ts'
import type { TaskApp } from '../plain/task-app.ts'
import type { TaskLogger } from '../plain/task-context.ts'
import {
  decodeFrame,
  encodeFrame,
  type ChildRequest,
  type FromChild,
  type ToChild,
} from './child-protocol.ts'
import { abortReason, jobContext } from './job-context.ts'
import { JobSignal } from './job-signal.ts'
import { endWithParent } from './parent-watch.ts'
import type { JobHost } from './task-pool.ts'

const send = (frame: FromChild): void => {
  const text = encodeFrame(frame)
  if (parentPort === null) process.send?.(text)
  else parentPort.postMessage(text)
}

interface Asked {
  readonly resolve: (result: ResultTuple | null) => void
  readonly reject: (error: Error) => void
}

let app: TaskApp | null = null
let asks = 0
const asked = new Map<number, Asked>()
const running = new Map<number, JobSignal>()

function onFrame(frame: ToChild): void {
  switch (frame.kind) {
    case 'load':
      return void load(frame.modules)
    case 'run':
      return void run(frame)
    case 'abort':
      return running.get(frame.job)?.abort(abortReason('soft_time_limit'))
    case 'reply':
      asked.get(frame.ask)?.resolve(frame.result)
      return void asked.delete(frame.ask)
    case 'refusal':
      asked.get(frame.ask)?.reject(new AppError('TASK_CANVAS_INVALID', frame.message))
      return void asked.delete(frame.ask)
  }
}

async function load(modules: readonly string[]): Promise<void> {
  try {
    app = await loadTaskApp(modules)
    send({ kind: 'ready' })
  } catch (error) {
    send({ kind: 'broken', message: messageOf(error) })
  }
}

async function run({ job, request }: Extract<ToChild, { kind: 'run' }>): Promise<void> {
  const aborter = new JobSignal()
  running.set(job, aborter)
  const task = app?.tasks.find(request.task) ?? null
  const outcome: HandlerOutcome =
    task === null
      ? { kind: 'failed', failure: failureOf(new NotRegistered([request.task])) }
      : await runHandler(task, jobContext(request, hostOf(job), aborter))
  running.delete(job)
  const rssBytes = process.memoryUsage.rss()
  try {
    send({ kind: 'end', job, outcome, rssBytes })
  } catch (error) {
    // The value cannot be written: that is how the task ends.
    send({ kind: 'end', job, outcome: { kind: 'failed', failure: failureOf(error) }, rssBytes })
  }
}

const hostOf = (job: number): JobHost => {
  const ask = (what: ChildRequest): Promise<ResultTuple | null> =>
    new Promise((resolve, reject) => {
      const id = ++asks
      send({ kind: 'ask', ask: id, job, what })
      asked.set(id, { resolve, reject })
    })
  return {
    logger: loggerOf(job),
    updateState: async (state, meta) => void (await ask({ kind: 'state', state, meta })),
    apply: (signature, options) => ask({ kind: 'apply', signature, options }),
    addToChord: (signature) => ask({ kind: 'add_to_chord', signature }),
  }
}

function loggerOf(job: number): TaskLogger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void =>
      send({ kind: 'log', job, level, fields: fieldsText(fields), message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function fieldsText(fields: object): string {
  try {
    return JSON.stringify(fields, (_, value: unknown) =>
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    )
  } catch {
    return '{}'
  }
}

if (parentPort === null) {
  process.on('message', (text) => onFrame(decodeFrame(String(text))))
  // The worker is gone: nobody waits for what runs here.
  process.once('disconnect', () => process.exit(0))
  endWithParent()
  // The worker decides when its children end: a signal to the whole group is meant for it.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
} else {
  parentPort.on('message', (text) => onFrame(decodeFrame(String(text))))
}
