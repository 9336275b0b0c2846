import { runSchema } from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { runHeadline } from '../output/run-table.ts'
import { follow } from './runs.ts'

interface RerunFlags extends RemoteFlags {
  readonly from: string
  readonly only?: boolean
  readonly watch?: boolean
}

export const runChangeCommands: AddCommands = (program, cli) => {
  const { io } = cli
  withServer(program.command('cancel'))
    .description('cancel a run: stop what is running, start nothing more')
    .argument('<run>', 'id of the run')
    .action(async (runId: string, flags: RemoteFlags) => {
      const client = await connect(flags)
      const run = await client.post(`/api/v1/runs/${encodeURIComponent(runId)}/cancel`, runSchema)
      if (flags.json === true) printJson(io, run)
      else io.out(runHeadline(run, Date.now(), io))
    })

  withServer(program.command('rerun'))
    .description('run a finished run again; operators outside of the choice keep their outputs')
    .argument('<run>', 'id of the run')
    .option(
      '--from <operator>',
      'failed: all that did not succeed; else the operator to start from',
      'failed',
    )
    .option('--only', 'that operator alone, not what is downstream of it')
    .option('-w, --watch', 'follow the run to its end; exit code 1 when it does not succeed')
    .action(async (runId: string, flags: RerunFlags) => {
      const client = await connect(flags)
      const run = await client.post(`/api/v1/runs/${encodeURIComponent(runId)}/rerun`, runSchema, {
        body: { from: flags.from, only: flags.only === true },
      })
      if (flags.watch === true) await follow(client, runId, cli, flags)
      else if (flags.json === true) printJson(io, run)
      else io.out(runHeadline(run, Date.now(), io))
    })
}
