import { runPageSchema, runSchema, submittedRunSchema, type RunView } from '@celeriac/contracts/http'
import { runStates } from '@celeriac/core'
import { InvalidArgumentError, Option } from 'commander'
import { printJson, withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { aboutFile } from '../cli-fault.ts'
import { metricsTable } from '../output/metrics-table.ts'
import { problemLines } from '../output/problem-lines.ts'
import { failureLines, operatorTable, runHeadline, runListTable } from '../output/run-table.ts'
import { watchModeOf, watchRun } from '../watch/watch-run.ts'
import { readInput } from './read-input.ts'

interface RunFlags extends RemoteFlags {
  readonly watch?: boolean
  readonly name?: string
  readonly idempotencyKey?: string
}

interface ListFlags extends RemoteFlags {
  readonly limit: number
  readonly cursor?: string
  readonly state?: string
}

export const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('a whole number is expected')
}

export const runCommands: AddCommands = (program, cli) => {
  const { io } = cli
  withServer(program.command('run'))
    .description('submit a DAG document and run it')
    .argument('<file>', 'YAML or JSON document; - is standard input')
    .option('-w, --watch', 'follow the run to its end; exit code 1 when it does not succeed')
    .option('--name <name>', "name of the DAG (default: the document's own)")
    .option('--idempotency-key <key>', 'makes a repeated submission safe')
    .action(async (file: string, flags: RunFlags) => {
      const client = await connect(flags)
      const data = await readInput(file)
      const submitted = await aboutFile(
        file,
        client.post('/api/v1/runs', submittedRunSchema, {
          query: { name: flags.name },
          headers: flags.idempotencyKey === undefined ? {} : { 'idempotency-key': flags.idempotencyKey },
          content: { type: 'application/yaml', data },
        }),
      )
      if (flags.json !== true) {
        for (const line of problemLines(submitted.warnings, file, io)) io.err(line)
        io.out(`run ${submitted.id} of ${submitted.dag_name} v${submitted.dag_version}`)
      }
      if (flags.watch === true) await follow(client, submitted.id, cli, flags)
      else if (flags.json === true) printJson(io, submitted)
      else io.out(`follow it with: celeriac status ${submitted.id} --watch`)
    })

  withServer(program.command('runs'))
    .description('list runs, newest first')
    .addOption(new Option('--state <state>', 'only runs in this state').choices([...runStates]))
    .option('-n, --limit <count>', 'how many', wholeNumber, 20)
    .option('--cursor <cursor>', 'go on after a page (next_cursor of --json)')
    .action(async (flags: ListFlags) => {
      const client = await connect(flags)
      const { limit, state, cursor } = flags
      const page = await client.get('/api/v1/runs', runPageSchema, { query: { limit, state, cursor } })
      if (flags.json === true) printJson(io, page)
      else io.out(runListTable(page.items, Date.now(), io) || 'no runs')
    })

  withServer(program.command('status'))
    .description('show a run and its operators')
    .argument('<run>', 'id of the run')
    .option('-w, --watch', 'follow the run to its end; exit code 1 when it does not succeed')
    .action(async (runId: string, flags: RunFlags) => {
      const client = await connect(flags)
      if (flags.watch === true) {
        await follow(client, runId, cli, flags)
        return
      }
      const run = await client.get(`/api/v1/runs/${encodeURIComponent(runId)}`, runSchema)
      if (flags.json === true) printJson(io, run)
      else printRun(run, cli)
    })
}

/** Watches a run to its end, shows how it ended, and makes that the command's exit code. */
export async function follow(
  client: ApiClient,
  runId: string,
  cli: Cli,
  flags: RemoteFlags,
): Promise<RunView> {
  const { io } = cli
  const run = await watchRun(client, runId, io, { mode: watchModeOf(io, flags), signal: cli.signal() })
  if (run.state !== 'succeeded') cli.end('runFailed')
  if (flags.json === true) printJson(io, run)
  else {
    if (!io.isTty) io.out(runHeadline(run, Date.now(), io))
    printEnd(run, cli)
  }
  return run
}

function printRun(run: RunView, cli: Cli): void {
  cli.io.out(runHeadline(run, Date.now(), cli.io))
  cli.io.out(operatorTable(run, Date.now(), cli.io))
  printEnd(run, cli)
}

function printEnd(run: RunView, { io }: Cli): void {
  const metrics = metricsTable(run, io)
  if (metrics !== '') io.out(`\n${metrics}`)
  for (const line of failureLines(run, io)) io.out(line)
}
