// An executor that runs every operator in a fresh process behind a command, by default `nice -n 19`:
//   celeriac worker --executor slow=examples/own-executor/command-executor.js
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/**
 * @param {import('@celeriac/executors').ExecutorContext} context
 * @returns {import('@celeriac/executors').ExecutorBehaviour}
 */
export function createExecutor({ python, logger }) {
  const prefix = (process.env.COMMAND_EXECUTOR_PREFIX ?? 'nice -n 19').split(' ')
  const command = [...prefix, python.command]
  const env = { ...python.env, PYTHONUNBUFFERED: '1' }
  return {
    /** A command that does not work is better found out now than by the first attempt. */
    async start() {
      const [file, ...args] = [...command, '-c', 'import celeriac']
      await promisify(execFile)(file, args, { env })
      logger.info({ command: command.join(' ') }, 'operators run behind a command')
    },
    execute: (attempt, job) => runOperator(command, env, attempt, job),
  }
}

/** One process from its start to its end. Resolves with the operator's result, rejects with its error. */
function runOperator(command, env, attempt, job) {
  // Descriptor 3 carries progress and result, so that the operator may print what it likes.
  const options = ['--events-fd', '3']
  if (attempt.softTimeLimitS !== null) options.push('--soft-time-limit', String(attempt.softTimeLimitS))
  const [file, ...args] = [...command, '-m', 'celeriac', 'run-operator', '-', ...options]
  // Detached: a process group of its own, so that the signals reach what the operator starts as well.
  const child = spawn(file, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  const signalGroup = (signal) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // It has ended by itself.
    }
  }
  job.stopSignal.addEventListener('abort', () => signalGroup('SIGTERM'))
  job.killSignal.addEventListener('abort', () => signalGroup('SIGKILL'))

  child.once('spawn', () => {
    job.started()
    job.note(`process ${child.pid} behind ${command.join(' ')}`)
  })
  // It may end before it has read its task.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(job.task))
  child.stdout.on('data', (chunk) => job.write('stdout', chunk))
  child.stderr.on('data', (chunk) => job.write('stderr', chunk))
  let end = null
  createInterface({ input: child.stdio[3] }).on('line', (line) => {
    const event = eventOf(line)
    if (event?.type === 'progress') job.progress(event)
    if (event?.type === 'result') end = event
  })

  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // What the operator left behind would keep the streams open.
    child.once('exit', () => signalGroup('SIGKILL'))
    child.once('close', (exitCode, signal) => {
      if (end?.status === 'SUCCESS') resolve(end.result)
      else reject(end === null ? died(exitCode, signal) : failed(end.error))
    })
  })
}

/** Operators are other people's code: what one wrote to the descriptor must not end the worker. */
function eventOf(line) {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** The operator's own error, with its code, so that the engine knows whether another attempt can help. */
const failed = ({ message, exc_type: excType, ...rest }) =>
  Object.assign(new Error(message), rest, { excType })

function died(exitCode, signal) {
  const error = new Error(
    `the process that ran the attempt ended by itself (${signal ?? `code ${exitCode}`})`,
  )
  return Object.assign(error, { code: 'TASK_PROCESS_DIED', details: { exit_code: exitCode, signal } })
}
