import { Command, CommanderError } from 'commander'
import type { AddCommands, Cli } from './cli.ts'
import { toFault, type CliFault } from './cli-fault.ts'
import { algorithmCommands } from './commands/algorithms.ts'
import { auditCommand } from './commands/audit.ts'
import { addCommandHelp } from './command-help.ts'
import { batchPredictCommand } from './commands/batch-predict.ts'
import { datasetCommands } from './commands/datasets.ts'
import { explainCommand } from './commands/explain.ts'
import { fleetCommands } from './commands/fleet.ts'
import { loginCommands } from './commands/login.ts'
import { logsCommand } from './commands/logs.ts'
import { modelCommands } from './commands/models.ts'
import { retentionCommand } from './commands/retention.ts'
import { runChangeCommands } from './commands/run-changes.ts'
import { runCommands } from './commands/runs.ts'
import { scheduleCommands } from './commands/schedules.ts'
import { taskCommand } from './commands/task.ts'
import { tokenCommands } from './commands/tokens.ts'
import { trainCommand } from './commands/train.ts'
import { userCommands } from './commands/users.ts'
import { validateCommand } from './commands/validate.ts'
import { exitCodeHelp, exitCodes, type ExitReason } from './exit-codes.ts'
import type { Io } from './io.ts'
import { problemLines } from './output/problem-lines.ts'
import { cliVersion } from './version.ts'

const clientCommands = [
  validateCommand,
  runCommands,
  runChangeCommands,
  logsCommand,
  explainCommand,
  scheduleCommands,
  datasetCommands,
  algorithmCommands,
  modelCommands,
  trainCommand,
  batchPredictCommand,
  taskCommand,
  fleetCommands,
  retentionCommand,
  loginCommands,
  userCommands,
  tokenCommands,
  auditCommand,
]

export interface Interrupt {
  readonly signal: () => AbortSignal
  readonly isInterrupted: () => boolean
}

/** Runs one command line (without node and script) and gives its exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  context: { readonly io: Io; readonly interrupt: Interrupt },
): Promise<number> {
  const { io, interrupt } = context
  let reason: ExitReason = 'ok'
  const cli: Cli = {
    io,
    signal: interrupt.signal,
    end: (verdict) => {
      reason = verdict
    },
  }
  try {
    const program = await buildProgram(cli, args)
    await program.parseAsync(args, { from: 'user' })
    return exitCodes[reason].code
  } catch (thrown) {
    if (interrupt.isInterrupted()) {
      io.err('interrupted; a run that was watched goes on')
      return exitCodes.interrupted.code
    }
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.usage.code
    const fault = toFault(thrown)
    report(fault, io, args.includes('--json'))
    return exitCodes[fault.reason].code
  }
}

/**
 * The commands. Those that bring more along are left out when `args` names another one; without `args` all are there.
 */
export async function buildProgram(cli: Cli, args: readonly string[] = []): Promise<Command> {
  const named = args.find((arg) => !arg.startsWith('-'))
  const light = assemble(cli, clientCommands)
  if (isThere(light, named) || args[0] === '--version' || args[0] === '-V') return light
  const { serviceCommands } = await import('./commands/services.ts')
  const { demoCommand } = await import('./commands/demo.ts')
  const services = assemble(cli, [serviceCommands, demoCommand])
  if (isThere(services, named)) return services
  const { taskCommands } = await import('./commands/tasks.ts')
  return assemble(cli, [serviceCommands, ...clientCommands, taskCommands, demoCommand])
}

const isThere = ({ commands }: Command, name: string | undefined): boolean =>
  commands.some((command) => command.name() === name)

function assemble(cli: Cli, commands: readonly AddCommands[]): Command {
  const program = new Command('celeriac')
    .description('Distributed task queue and DAG engine for machine-learning pipelines')
    .version(cliVersion)
    // Else `predict --version 3` would print the version of the program.
    .enablePositionalOptions()
    .showHelpAfterError('(celeriac --help lists the commands)')
    .helpCommand(true)
    .addHelpText('after', `\n${exitCodeHelp()}\n\nceleriac <command> --help has the options, with an example`)
  for (const add of commands) add(program, cli)
  addCommandHelp(program)
  prepare(program, cli.io)
  return program
}

/** Commander gives these on to subcommands that exist at the time only, so they are set at the end, on all. */
function prepare(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.out(text.trimEnd()),
    writeErr: (text) => io.err(text.trimEnd()),
    getOutHelpWidth: () => Math.min(io.columns, 100),
    getErrHelpWidth: () => Math.min(io.columns, 100),
  })
  for (const child of command.commands) prepare(child, io)
}

function report(fault: CliFault, io: Io, asJson: boolean): void {
  if (asJson) {
    const { code, message, problems, details, hint, reason } = fault
    io.err(JSON.stringify({ error: { reason, code, message, hint, problems, details } }))
    return
  }
  for (const line of problemLines(fault.problems, fault.file, io)) io.err(line)
  io.err(`${io.paint('red', 'error')}: ${fault.message}${fault.code === null ? '' : ` (${fault.code})`}`)
  const details = Object.entries(fault.details).filter(([, value]) => typeof value !== 'object')
  if (fault.problems.length === 0 && details.length > 0)
    io.err(`    ${details.map(([key, value]) => `${key}: ${String(value)}`).join(', ')}`)
  if (fault.hint !== null) io.err(fault.hint)
  if (fault.reason === 'internal' && fault.cause instanceof Error) io.err(String(fault.cause.stack))
}
