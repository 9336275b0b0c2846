import { withJson, type AddCommands } from '../cli.ts'
import { readSettings } from '../config.ts'
import { withSettings } from '../setting-options.ts'
import { demoConfigSchema } from '../services/standalone-config.ts'

export const demoCommand: AddCommands = (program, cli) => {
  withSettings(withJson(program.command('demo')), demoConfigSchema)
    .description('train, compare, deploy and ask two models on real data, all in this process')
    .action(async (flags: Readonly<Record<string, unknown>>) => {
      const { config } = await readSettings(demoConfigSchema, flags)
      const { runDemo } = await import('../demo/run-demo.ts')
      await runDemo(config, cli, { json: flags['json'] === true })
    })
}
