import {
  submittedTaskSchema,
  taskSchema,
  trainTransforms,
  type SubmittedTaskView,
  type TaskView,
} from '@celeriac/contracts/http'
import { Option } from 'commander'
import { printJson, withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { problemLines } from '../output/problem-lines.ts'
import { endLines, taskLines } from '../output/task-lines.ts'
import { watchModeOf, watchRun } from '../watch/watch-run.ts'
import { wholeNumber } from './runs.ts'

interface TrainFlags extends RemoteFlags {
  readonly algorithm: string
  readonly dataset: number
  readonly target?: string
  readonly feature?: readonly string[]
  readonly param?: readonly string[]
  readonly transform?: readonly string[]
  readonly split?: string
  readonly evaluate?: boolean
  readonly deploy?: string
  readonly alias?: string
  readonly name?: string
  readonly idempotencyKey?: string
  readonly watch?: boolean
}

export const trainCommand: AddCommands = (program, cli) => {
  withServer(program.command('train'))
    .description('train an algorithm on a data set: hold rows out, prepare, fit, measure, deploy')
    .requiredOption('--algorithm <name>', 'a trainer; celeriac algorithms lists them')
    .requiredOption('--dataset <id>', 'id of the data set', wholeNumber)
    .option('--target <column>', 'column that is to be predicted')
    .option('--feature <column>', 'column to learn from; repeat for more (default: all others)', collect)
    .option('-p, --param <name=value>', 'parameter of the algorithm, its value as JSON or text', collect)
    .addOption(
      new Option('--transform <step>', `step before training; repeat for more: ${trainTransforms.join(', ')}`)
        .choices([...trainTransforms])
        .argParser(collect),
    )
    .option('--split <share>', 'rows to hold out: a share (0.2), or column%modulus (ID%5)')
    .option('--evaluate', 'measure the model also without rows that are held out')
    .option('--no-evaluate', 'do not measure')
    .option('--deploy <model>', 'register the model under this name')
    .option('--alias <alias>', 'alias of the new version (default: candidate)')
    .option('--name <name>', 'the DAG is called train-<name>')
    .option('--idempotency-key <key>', 'makes a repeated submission safe')
    .option('-w, --watch', 'follow the training to its end; exit code 1 when it does not succeed')
    .action(async (flags: TrainFlags) => {
      const body = trainBody(flags)
      const client = await connect(flags)
      const task = await client.post('/api/v1/train', submittedTaskSchema, {
        headers: flags.idempotencyKey === undefined ? {} : { 'idempotency-key': flags.idempotencyKey },
        body,
      })
      await showSubmitted(client, task, cli, flags)
    })
}

export function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value]
}

function trainBody(flags: TrainFlags): object {
  const { algorithm, dataset, target, feature: features, transform: transforms, evaluate, name } = flags
  if (flags.alias !== undefined && flags.deploy === undefined)
    throw usageFault('--alias is that of the model which --deploy names')
  const alias = flags.alias === undefined ? {} : { alias: flags.alias }
  const given = {
    algorithm,
    dataset,
    target,
    features,
    transforms,
    evaluate,
    name,
    params: Object.fromEntries((flags.param ?? []).map(paramOf)),
    split: flags.split === undefined ? undefined : splitOf(flags.split),
    deploy: flags.deploy === undefined ? undefined : { name: flags.deploy, ...alias },
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** `max_depth=3` is a number, `penalty=l1` a text, `x_cols=["a"]` a list. */
function paramOf(text: string): [string, unknown] {
  const end = text.indexOf('=')
  if (end < 1) throw usageFault(`--param is not name=value: ${text.slice(0, 100)}`)
  const value = text.slice(end + 1)
  try {
    return [text.slice(0, end), JSON.parse(value) as unknown]
  } catch {
    return [text.slice(0, end), value]
  }
}

function splitOf(text: string): number | { column: string; modulus: number } {
  const share = Number(text)
  if (text.trim() !== '' && Number.isFinite(share)) return share
  const [, column, modulus] = /^(.+)%(\d+)$/.exec(text) ?? []
  if (column !== undefined) return { column, modulus: Number(modulus) }
  throw usageFault(`--split is neither a share nor column%modulus: ${text.slice(0, 100)}`)
}

/** What became of a submission; with `watch` what became of the task, whole. */
export async function showSubmitted(
  client: ApiClient,
  task: SubmittedTaskView,
  cli: Cli,
  flags: RemoteFlags & { readonly watch?: boolean },
): Promise<TaskView | null> {
  const { io } = cli
  if (flags.json !== true) {
    for (const line of problemLines(task.warnings, '', io)) io.err(line)
    const model = task.model === null ? '' : `, with ${task.model.name} v${task.model.version}`
    io.out(`task ${task.task_id}: run of ${task.dag_name} v${task.dag_version}${model}`)
  }
  if (flags.watch !== true) {
    if (flags.json === true) printJson(io, task)
    else io.out(`follow it with: celeriac task watch ${task.task_id}`)
    return null
  }
  return followTask(client, task.task_id, cli, flags)
}

/** Follows a task that is a run to its end, shows its result, and makes that the command's exit code. */
export async function followTask(
  client: ApiClient,
  taskId: string,
  cli: Cli,
  flags: RemoteFlags,
): Promise<TaskView> {
  const { io } = cli
  const run = await watchRun(client, taskId, io, { mode: watchModeOf(io, flags), signal: cli.signal() })
  if (run.state !== 'succeeded') cli.end('runFailed')
  const task = await client.get(`/api/v1/tasks/${encodeURIComponent(taskId)}`, taskSchema)
  if (flags.json === true) printJson(io, task)
  else for (const line of io.isTty ? endLines(task, io) : taskLines(task, io)) io.out(line)
  return task
}
