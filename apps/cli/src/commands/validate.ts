import type { Problem, ProblemView } from '@celeriac/contracts'
import { serviceSettings } from '@celeriac/runtime/config'
import { printJson, withJson, type AddCommands } from '../cli.ts'
import { readSettings } from '../config.ts'
import { problemCount, problemLines } from '../output/problem-lines.ts'
import { installedAlgorithms } from '../installed-algorithms.ts'
import { withSettings } from '../setting-options.ts'
import { readInput } from './read-input.ts'

/** Settings of this command: what a scheduler's verdict depends on, besides the document. */
const validateConfigSchema = {
  algorithmsDir: serviceSettings.algorithmsDir,
  executors: serviceSettings.executors,
} as const

/** Works without a server, with the same parser and manifests. */
export const validateCommand: AddCommands = (program, { io, end }) => {
  withSettings(withJson(program.command('validate')), validateConfigSchema)
    .description('check a DAG document and list every problem (offline)')
    .argument('<file>', 'YAML or JSON document; - is standard input')
    .action(async (file: string, flags: Readonly<Record<string, unknown>>) => {
      const { config } = await readSettings(validateConfigSchema, flags)
      const source = await readInput(file)
      const { parseDagDocument } = await import('@celeriac/contracts')
      const parsed = parseDagDocument(source, {
        algorithms: await installedAlgorithms(config.algorithmsDir),
        executors: ['local', ...config.executors],
      })
      const problems = (parsed.ok ? parsed.warnings : parsed.problems).map(viewOf)
      const operatorCount = parsed.ok ? parsed.plan.operators.length : 0
      if (!parsed.ok) end('invalid')
      if (flags['json'] === true) {
        const name = parsed.ok ? (parsed.name ?? null) : null
        printJson(io, { valid: parsed.ok, name, operator_count: operatorCount, problems })
        return
      }
      for (const line of problemLines(problems, file, io)) io.out(line)
      const verdict = parsed.ok ? io.paint('green', '✓ valid') : io.paint('red', '✗ not valid')
      io.out(`${verdict}: ${parsed.ok ? `${operatorCount} operators, ` : ''}${problemCount(problems)}`)
    })
}

const viewOf = (problem: Problem): ProblemView => ({ ...problem, suggestion: problem.suggestion ?? null })
