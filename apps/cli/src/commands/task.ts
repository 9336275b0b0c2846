import { isEndTaskState, taskLogPageSchema, taskSchema, type TaskView } from '@celeriac/contracts/http'
import { setTimeout as delay } from 'node:timers/promises'
import { printJson, withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { taskLines } from '../output/task-lines.ts'
import { printLog } from './logs.ts'
import { wholeNumber } from './runs.ts'
import { followTask } from './train.ts'

/** How often a plain task is asked for; its worker tells nobody but the database. */
const pollMs = 1_000

interface LogFlags extends RemoteFlags {
  readonly stage?: string
  readonly follow?: boolean
  readonly attempt?: number
}

export const taskCommand: AddCommands = (program, cli) => {
  const { io } = cli
  const task = program
    .command('task')
    .description('show, follow and cancel training tasks, batch predictions, and every run as a task')

  withServer(task.command('show'))
    .description('show a task: state, progress, stages, result')
    .argument('<task>', 'id of the task')
    .action(async (id: string, flags: RemoteFlags) => {
      printTask(await readTask(await connect(flags), id), cli, flags)
    })

  withServer(task.command('watch'))
    .description('follow a task to its end; exit code 1 when it does not succeed')
    .argument('<task>', 'id of the task')
    .action(async (id: string, flags: RemoteFlags) => {
      const client = await connect(flags)
      let known = await readTask(client, id)
      if (known.run_id !== null) {
        await followTask(client, known.run_id, cli, flags)
        return
      }
      while (!isEndTaskState(known.state)) {
        await delay(pollMs, undefined, { signal: cli.signal() })
        known = await readTask(client, id)
      }
      if (known.state !== 'SUCCESS') cli.end('runFailed')
      printTask(known, cli, flags)
    })

  withServer(task.command('cancel'))
    .description('cancel a task: stop what is running, start nothing more')
    .argument('<task>', 'id of the task')
    .action(async (id: string, flags: RemoteFlags) => {
      const client = await connect(flags)
      printTask(await client.post(`${pathOf(id)}/cancel`, taskSchema), cli, flags)
    })

  withServer(task.command('logs'))
    .description('print the log of one stage of a task')
    .argument('<task>', 'id of the task')
    .option('--stage <operator>', 'id of the operator (default: the one that trains, else the last one)')
    .option('--attempt <number>', 'an earlier attempt', wholeNumber)
    .option('-f, --follow', 'wait for more until the stage has ended, its retries included')
    .action(async (id: string, { stage, ...flags }: LogFlags) => {
      const client = await connect(flags)
      const page = await client.get(`${pathOf(id)}/logs`, taskLogPageSchema, { query: { stage, limit: 1 } })
      await printLog(client, { runId: id, operatorId: page.stage }, flags, cli)
      await io.drained()
    })
}

const pathOf = (id: string): string => `/api/v1/tasks/${encodeURIComponent(id)}`

const readTask = (client: ApiClient, id: string): Promise<TaskView> => client.get(pathOf(id), taskSchema)

function printTask(task: TaskView, { io }: Cli, { json }: RemoteFlags): void {
  if (json === true) printJson(io, task)
  else for (const line of taskLines(task, io)) io.out(line)
}
