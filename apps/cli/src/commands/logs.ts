import { logPageSchema, runSchema, type LogPageView } from '@celeriac/contracts/http'
import { isFinalTaskState } from '@celeriac/core'
import { setTimeout as delay } from 'node:timers/promises'
import { withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import type { ApiClient } from '../client/api-client.ts'
import { connect } from '../client/connect.ts'
import { wholeNumber } from './runs.ts'

interface LogFlags extends RemoteFlags {
  readonly follow?: boolean
  readonly attempt?: number
}

const followMs = 500
/** As many lines as the server gives at once. */
const pageLines = 10_000
/** Large runs make large answers: never spend more than about a fifth of the time on asking. */
const restFactor = 4

export const logsCommand: AddCommands = (program, cli) => {
  withServer(program.command('logs'))
    .description("print an operator's log; with --json one object per line")
    .argument('<run>', 'id of the run')
    .argument('<operator>', 'id of the operator')
    .option('-f, --follow', 'wait for more until the operator is finished')
    .option('--attempt <number>', 'which attempt (default: the last one)', wholeNumber)
    .action(async (runId: string, operatorId: string, flags: LogFlags) => {
      const client = await connect(flags)
      await printLog(client, { runId, operatorId }, flags, cli)
    })
}

interface OperatorKey {
  readonly runId: string
  readonly operatorId: string
}

/**
 * Offsets belong to one attempt's file, so the attempt is pinned from the first answer on; a follower goes over to the
 * next attempt when there is one.
 */
export async function printLog(
  client: ApiClient,
  key: OperatorKey,
  flags: LogFlags,
  cli: Cli,
): Promise<void> {
  let attempt = flags.attempt
  let offset = 0
  for (;;) {
    const page = await client.get(logPath(key), logPageSchema, {
      query: { offset, attempt, limit: pageLines },
    })
    // 0 = nothing was tried yet; the number comes with a later answer.
    attempt = page.attempt === 0 ? flags.attempt : page.attempt
    offset = page.next_offset
    printLines(page, flags, cli)
    await cli.io.drained()
    if (page.lines.length > 0) continue
    if (flags.follow !== true) return
    if (page.complete) {
      const next =
        flags.attempt === undefined ? await nextAttempt(client, key, page.attempt, cli.signal()) : null
      if (next === null) return
      attempt = next
      offset = 0
      continue
    }
    await delay(followMs, undefined, { signal: cli.signal() })
  }
}

const logPath = ({ runId, operatorId }: OperatorKey): string =>
  `/api/v1/runs/${encodeURIComponent(runId)}/operators/${encodeURIComponent(operatorId)}/logs`

/** The attempt after this one; null when there will be none. Waits while the operator waits for its retry. */
async function nextAttempt(
  client: ApiClient,
  key: OperatorKey,
  attempt: number,
  signal: AbortSignal,
): Promise<number | null> {
  for (;;) {
    const askedAt = Date.now()
    const run = await client.get(`/api/v1/runs/${encodeURIComponent(key.runId)}`, runSchema)
    const operator = run.operators.find((candidate) => candidate.id === key.operatorId)
    if (operator === undefined) return null
    if (operator.attempt > attempt) return attempt + 1
    if (isFinalTaskState(operator.state)) return null
    await delay(Math.max(followMs, (Date.now() - askedAt) * restFactor), undefined, { signal })
  }
}

function printLines(page: LogPageView, flags: LogFlags, { io }: Cli): void {
  for (const line of page.lines) {
    if (flags.json === true) io.out(JSON.stringify({ attempt: page.attempt, ...line }))
    else if (line.stream === 'stdout') io.out(printable(line.text))
    else io.out(io.paint(line.stream === 'stderr' ? 'yellow' : 'dim', printable(line.text)))
  }
}

/** Log text comes from user code: escape sequences would act on the reader's terminal. */
const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => {
    if (character === '\t') return character
    return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
  })
