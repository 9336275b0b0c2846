import { verdictSchema, type RequestOptions, type Verdict } from '@celeriac/tasks'
import { Argument } from 'commander'
import { printJson, type AddCommands } from '../cli.ts'
import { renderTable } from '../output/table.ts'
import {
  controlCallOf,
  controlNames,
  controlUsage,
  type ControlCall,
  type ControlName,
  type TerminateFlags,
} from '../tasks/control-arguments.ts'
import { plainJson, shownJson } from '../tasks/plain-json.ts'
import { nobodyAnswered, requestOptions, withTarget, type TargetFlags } from '../tasks/target-options.ts'
import { withTaskApp } from '../tasks/task-app.ts'

type Told = readonly (readonly [node: string, verdict: Verdict])[]

export const controlCommand: AddCommands = (program, cli) => {
  const { io } = cli
  withTarget(program.command('control'))
    .description(
      'command workers, those of Python Celery too; exit code 1 when one refuses, 69 when none answers',
    )
    .addArgument(new Argument('<command>', 'what to do').choices(controlNames))
    .argument('[args...]', 'as below')
    .option('--terminate', 'with revoke: also end tasks that run')
    .option('--signal <name>', 'with --terminate: the signal', 'SIGTERM')
    .addHelpText('after', `\nCommands:\n${controlUsage()}`)
    .action(async (name: ControlName, args: readonly string[], flags: TargetFlags & TerminateFlags) => {
      const call = controlCallOf(name, args, flags)
      const told = await perform(call, flags, requestOptions(flags, cli.signal()))
      if (call.isAnswered && told.length === 0) throw nobodyAnswered(flags.timeout)
      if (told.some(([, { error }]) => error !== null)) cli.end('runFailed')
      if (flags.json === true) printJson(io, { replies: plainJson(Object.fromEntries(told)) })
      else if (!call.isAnswered) io.out(`${name} was sent`)
      else
        io.out(
          renderTable(
            [
              { title: 'worker', value: ([node]) => node, shrinksTo: 10 },
              {
                title: 'answer',
                value: ([, { ok, error }]) => (error === null ? `✓ ${shownJson(ok)}` : `✗ ${error}`),
                paint: (text, [, { error }]) => io.paint(error === null ? 'green' : 'red', text),
                shrinksTo: 20,
              },
            ],
            told,
            io,
          ),
        )
    })
}

const perform = (call: ControlCall, flags: TargetFlags, request: RequestOptions): Promise<Told> =>
  withTaskApp({ ...flags }, async (app) => {
    if (!call.isAnswered) {
      await app.control.broadcast(call.method, call.arguments, request)
      return []
    }
    const replies = await app.control.request(call.method, call.arguments, request)
    return [...replies]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([node, answer]) => {
        const parsed = verdictSchema.safeParse(answer)
        return [node, parsed.success ? parsed.data : { ok: answer, error: null }] as const
      })
  })
