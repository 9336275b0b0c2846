import { outputFormats, submittedTaskSchema } from '@celeriac/contracts/http'
import { Option } from 'commander'
import { withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { writeWhole } from './model-registry.ts'
import { wholeNumber } from './runs.ts'
import { collect, showSubmitted } from './train.ts'

interface BatchFlags extends RemoteFlags {
  readonly dataset: number
  readonly version?: number
  readonly alias?: string
  readonly keep?: readonly string[]
  readonly format: (typeof outputFormats)[number]
  readonly out?: string
  readonly watch?: boolean
  readonly idempotencyKey?: string
}

export const batchPredictCommand: AddCommands = (program, cli) => {
  const { io } = cli
  withServer(program.command('batch-predict'))
    .description('score a whole data set with a deployed model, as a run')
    .argument('<model>', 'name of the model')
    .requiredOption('--dataset <id>', 'id of the data set', wholeNumber)
    .option(
      '--version <number>',
      'version of the model (default: the champion, else the newest)',
      wholeNumber,
    )
    .option('--alias <alias>', 'alias of the version, such as champion')
    .option('--keep <column>', 'column beside the predictions; repeat for more (default: all)', collect)
    .addOption(
      new Option('--format <format>', 'of the result').choices([...outputFormats]).default('parquet'),
    )
    .option('-o, --out <file>', 'wait for the end, then download the result to this file')
    .option('--idempotency-key <key>', 'makes a repeated submission safe')
    .option('-w, --watch', 'follow the run to its end; exit code 1 when it does not succeed')
    .action(async (model: string, flags: BatchFlags) => {
      const client = await connect(flags)
      const { dataset, version, alias, keep, format, out } = flags
      const body = Object.fromEntries(
        Object.entries({ dataset, version, alias, keep, format }).filter(([, value]) => value !== undefined),
      )
      const path = `/api/v1/models/${encodeURIComponent(model)}/batch-predict`
      const submitted = await client.post(path, submittedTaskSchema, {
        headers: flags.idempotencyKey === undefined ? {} : { 'idempotency-key': flags.idempotencyKey },
        body,
      })
      const isWatched = flags.watch === true || out !== undefined
      const task = await showSubmitted(client, submitted, cli, { ...flags, watch: isWatched })
      const table = task?.result?.outputs[0]
      if (out === undefined || table === undefined) return
      await writeWhole(out, client.download(`${table.url}/download?format=${format}`))
      if (flags.json !== true) io.out(`wrote ${out}`)
    })
}
