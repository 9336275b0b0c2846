import { TaskError, TaskRevokedError, type AsyncResult, type OpenResultStore } from '@celeriac/tasks'
import { InvalidArgumentError } from 'commander'
import { printJson, withJson, type AddCommands, type Cli } from '../cli.ts'
import { CliFault } from '../cli-fault.ts'
import { callConfigSchema, readSettings } from '../config.ts'
import { withSettings } from '../setting-options.ts'
import { argsOf, callOptionsOf, type CallFlags } from '../tasks/call-arguments.ts'
import { plainJson } from '../tasks/plain-json.ts'
import { secondsOption } from '../tasks/target-options.ts'
import { withApp } from '../tasks/task-app.ts'

interface Flags extends CallFlags {
  /** True: for as long as it takes. */
  readonly wait?: number | true
  readonly json?: boolean
}

const priorityOption = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 255) return value
  throw new InvalidArgumentError('a whole number from 0 to 255 is expected')
}

/** Loaded when it is needed: most calls need no database. */
const openResultStore: OpenResultStore = async (options) =>
  (await import('@celeriac/store')).createPgTaskResultStore(options)

export const callCommand: AddCommands = (program, cli) => {
  withSettings(withJson(program.command('call')), callConfigSchema)
    .description('call a task by its name; with --wait print what it returns, exit code 1 when it fails')
    .argument('<task>', 'name of the task')
    .argument('[args]', 'arguments by position, a JSON array; or as --args')
    .option('--args <json>', 'arguments by position, a JSON array')
    .option('--kwargs <json>', 'arguments by name, a JSON object')
    .option('-Q, --queue <queue>', 'queue of the call (default: celery, with the prefix)')
    .option('--exchange <exchange>', 'with --routing-key, instead of a queue')
    .option('--routing-key <key>', 'with --exchange')
    .option('--priority <number>', '0 to 255, higher first', priorityOption)
    .option('--countdown <seconds>', 'run it then, not now', secondsOption)
    .option('--eta <moment>', 'run it then, as 2026-11-21T08:00:00Z')
    .option('--expires <seconds or moment>', 'do not run it later')
    .option('--task-id <id>', 'id of the call (default: a new one)')
    .option('--serializer <name>', 'json, msgpack or yaml')
    .option('-w, --wait [seconds]', 'wait for the end, at most so long', secondsOption)
    .action(async (task: string, listed: string | undefined, flags: Flags) => {
      const { args, kwargs } = argsOf(flags, listed)
      const options = callOptionsOf(flags)
      const { config } = await readSettings(callConfigSchema, { ...flags })
      const { amqpUrl, queuePrefix, resultBackend } = config
      const backend = resultBackend ?? (flags.wait === undefined ? 'disabled://' : 'rpc://')
      const application = { broker: amqpUrl, prefix: queuePrefix, backend, openResultStore }
      await withApp(application, async (app) => {
        const result = await app.sendTask(task, args, kwargs, options)
        if (flags.wait !== undefined) await printEnd(result, flags, cli)
        else if (flags.json === true) printJson(cli.io, { task_id: result.id })
        else cli.io.out(result.id)
      })
    })
}

/** The value alone on standard output, so that it can be piped on. */
async function printEnd(result: AsyncResult, { wait, json }: Flags, cli: Cli): Promise<void> {
  const { io } = cli
  const { value, error } = await endOf(result, wait, cli.signal())
  if (error !== null) cli.end('runFailed')
  if (json === true) {
    printJson(io, {
      task_id: result.id,
      status: error === null ? 'SUCCESS' : error instanceof TaskRevokedError ? 'REVOKED' : 'FAILURE',
      result: plainJson(value),
      error:
        error === null
          ? null
          : { type: error.excType, message: error.message, traceback: error.traceback ?? null },
    })
  } else if (error === null) io.out(JSON.stringify(plainJson(value), null, 2))
  else {
    io.err(`${io.paint('red', 'failed')}: ${error.excType}: ${error.message}`)
    if (error.traceback !== null) io.err(error.traceback)
  }
}

async function endOf(
  result: AsyncResult,
  wait: Flags['wait'],
  signal: AbortSignal,
): Promise<{ readonly value: unknown; readonly error: TaskError | null }> {
  try {
    const value = await result.get({ signal, ...(typeof wait === 'number' ? { timeout: wait } : {}) })
    return { value, error: null }
  } catch (thrown) {
    if (thrown instanceof TaskError) return { value: null, error: thrown }
    if (!(thrown instanceof Error) || thrown.name !== 'ResultTimeoutError') throw thrown
    throw new CliFault(
      'runFailed',
      `the task ${result.id} has not ended within ${String(wait)} s; it goes on`,
    )
  }
}
