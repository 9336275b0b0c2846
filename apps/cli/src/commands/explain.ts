import {
  operatorExplanationSchema,
  runExplanationSchema,
  type OperatorExplanationView,
  type RunExplanationView,
} from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import type { Io } from '../io.ts'
import { stateSign, stateStyle } from '../output/state-style.ts'
import { renderTable } from '../output/table.ts'
import { wholeNumber } from './runs.ts'

interface ExplainFlags extends RemoteFlags {
  readonly limit: number
}

export const explainCommand: AddCommands = (program, { io }) => {
  withServer(program.command('explain'))
    .description('say in words why a run or an operator is where it is, and what would move it on')
    .argument('<run>', 'id of the run')
    .argument('[operator]', 'id of the operator (default: the run, and all operators that have not ended)')
    .option('-n, --limit <count>', 'how many operators of a run', wholeNumber, 100)
    .action(async (runId: string, operatorId: string | undefined, flags: ExplainFlags) => {
      const client = await connect(flags)
      const run = `/api/v1/runs/${encodeURIComponent(runId)}`
      if (operatorId === undefined) {
        const { limit } = flags
        const explained = await client.get(`${run}/explain`, runExplanationSchema, { query: { limit } })
        if (flags.json === true) printJson(io, explained)
        else for (const line of runLines(explained, io)) io.out(line)
        return
      }
      const path = `${run}/operators/${encodeURIComponent(operatorId)}/explain`
      const explained = await client.get(path, operatorExplanationSchema)
      if (flags.json === true) printJson(io, explained)
      else for (const line of operatorLines(explained, io)) io.out(line)
    })
}

type Explained = Pick<OperatorExplanationView, 'reasons' | 'next'>

/** Messages quote what operators said. */
const clean = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ')

function* operatorLines(explained: OperatorExplanationView, io: Io): Generator<string> {
  const { operator_id: id, attempt, state } = explained
  const tries = attempt === 0 ? '' : `, attempt ${attempt}`
  yield `${io.paint(stateStyle(state), stateSign(state))} ${clean(id)} is ${state}${tries}`
  yield* reasonLines(explained, io)
}

function* runLines(explained: RunExplanationView, io: Io): Generator<string> {
  const { run_id: id, state, operators, left_out: leftOut } = explained
  yield `${io.paint(stateStyle(state), stateSign(state))} run ${id} is ${state}`
  if (explained.reasons.length === 0) yield `  ${explained.summary}`
  yield* reasonLines(explained, io)
  const table = renderTable<(typeof operators)[number]>(
    [
      { title: 'operator', value: (operator) => operator.operator_id, shrinksTo: 12 },
      {
        title: 'state',
        value: (operator) => operator.state,
        paint: (text, operator) => io.paint(stateStyle(operator.state), text),
      },
      { title: 'why', value: (operator) => operator.summary, shrinksTo: 20 },
    ],
    operators,
    io,
  )
  if (table !== '') yield `\n${table}`
  if (leftOut > 0) yield `and ${leftOut} more (--limit)`
  if (operators.length > 0)
    yield `the whole of it: celeriac explain ${id} ${clean(operators[0]?.operator_id ?? '')}`
}

function* reasonLines({ reasons, next }: Explained, io: Io): Generator<string> {
  for (const { message } of reasons) yield `  ${clean(message)}`
  if (next !== null) yield io.paint('dim', `  what would move it: ${next}`)
}
