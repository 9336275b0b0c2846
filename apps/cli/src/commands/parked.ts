import {
  buildTopology,
  createAmqpBroker,
  withParked,
  type HeldMessage,
  type ParkedMessage,
  type ReplayOutcome,
} from '@celeriac/broker'
import { silentLogger } from '@celeriac/runtime'
import type { Command } from 'commander'
import { printJson, withJson, type AddCommands, type Cli } from '../cli.ts'
import { usageFault } from '../cli-fault.ts'
import { readSettings, taskClientConfigSchema } from '../config.ts'
import { durationText } from '../output/duration.ts'
import { renderTable } from '../output/table.ts'
import { withSettings } from '../setting-options.ts'
import { countOption } from '../tasks/target-options.ts'

interface ListFlags {
  readonly reason?: string
  readonly limit: number
  readonly json?: boolean
}

interface ReplayFlags extends ListFlags {
  readonly id?: readonly string[]
  readonly all?: boolean
}

/** More are not held at a time: their bodies are in memory, and one consumer cannot be sent more than 65,535. */
const mostHeld = 10_000

export const parkedCommands: AddCommands = (program, cli) => {
  const parked = program
    .command('parked')
    .description('messages that could not be read: look at them, send them back after an upgrade')
  withCommon(parked.command('list'), 100)
    .description('list parked messages, the oldest first; they stay where they are')
    .action(async (flags: ListFlags) => {
      const messages = await withHeld(flags, async (held) => held.map(({ message }) => message))
      if (flags.json === true) printJson(cli.io, { messages: messages.map(listedMessage) })
      else cli.io.out(messageTable(messages, cli) || 'nothing is parked')
    })
  withCommon(parked.command('replay'), 1_000)
    .description('send parked messages back to the queues that they came from')
    .option('--id <id...>', 'these, by the ids that list shows')
    .option('--all', 'all of them')
    .action((flags: ReplayFlags) => replay(flags, cli))
}

const withCommon = (command: Command, limit: number): Command =>
  withSettings(withJson(command), taskClientConfigSchema)
    .option('--reason <reason>', 'those parked for this reason only, as unknown_version')
    .option('-n, --limit <count>', `how many are looked at, up to ${mostHeld}`, countOption, limit)

async function replay(flags: ReplayFlags, { io, end }: Cli): Promise<void> {
  const { id: ids = [], all = false } = flags
  if (all === ids.length > 0) throw usageFault('say which: --id with the ids that list shows, or --all')
  const replayed = await withHeld(flags, async (held) => {
    const outcomes: { id: string; queue: string; outcome: ReplayOutcome | 'not_found' }[] = []
    for (const one of held) {
      const { id, queue } = one.message
      if (all || ids.includes(id)) outcomes.push({ id, queue, outcome: await one.replay() })
    }
    const found = new Set(outcomes.map(({ id }) => id))
    for (const id of ids) if (!found.has(id)) outcomes.push({ id, queue: '', outcome: 'not_found' })
    return outcomes
  })
  if (replayed.some(({ outcome }) => outcome === 'not_found')) end('notFound')
  else if (replayed.some(({ outcome }) => outcome !== 'replayed')) end('runFailed')
  if (flags.json === true) printJson(io, { messages: replayed })
  else
    io.out(
      renderTable(
        [
          { title: 'id', value: ({ id }) => id },
          { title: 'queue', value: ({ queue }) => queue, shrinksTo: 12 },
          { title: 'outcome', value: ({ outcome }) => outcomeTexts[outcome] },
        ],
        replayed,
        io,
      ) || 'nothing is parked',
    )
}

const outcomeTexts: Readonly<Record<ReplayOutcome | 'not_found', string>> = {
  replayed: 'sent back',
  not_whole: 'stays: it was cut down, or does not say where it came from',
  no_queue: 'stays: there is no such queue any more',
  failed: 'stays: the broker did not take it',
  not_found: 'not found',
}

async function withHeld<T>(flags: ListFlags, work: (held: readonly HeldMessage[]) => Promise<T>): Promise<T> {
  const { reason, limit } = flags
  if (limit > mostHeld) throw usageFault(`--limit is ${mostHeld} at most`)
  const { config } = await readSettings(taskClientConfigSchema, { ...flags })
  const topology = buildTopology({ prefix: config.queuePrefix })
  const broker = createAmqpBroker({
    url: config.amqpUrl,
    topology,
    name: 'celeriac parked',
    logger: silentLogger(),
  })
  try {
    await broker.start()
    return await withParked(broker, topology, limit, (held) =>
      work(held.filter(({ message }) => reason === undefined || message.reason === reason)),
    )
  } finally {
    // Sends the acks that were just given.
    await broker.stop()
  }
}

const listedMessage = (message: ParkedMessage): object => ({
  id: message.id,
  reason: message.reason,
  problem: message.problem,
  queue: message.queue,
  type: message.type,
  parked_at: message.parkedAt === null ? null : new Date(message.parkedAt).toISOString(),
  run_id: message.runId,
  attempt_id: message.attemptId,
  body_bytes: message.bodyBytes,
  replayable: message.isWhole,
})

function messageTable(messages: readonly ParkedMessage[], { io }: Cli): string {
  const now = Date.now()
  return renderTable(
    [
      { title: 'id', value: ({ id }) => id },
      { title: 'age', value: ({ parkedAt }) => (parkedAt === null ? '?' : durationText(now - parkedAt)) },
      { title: 'reason', value: ({ reason }) => reason, shrinksTo: 15 },
      { title: 'queue', value: ({ queue }) => queue, shrinksTo: 12 },
      { title: 'type', value: ({ type }) => type ?? '', shrinksTo: 8 },
      { title: 'run', value: ({ runId }) => runId ?? '', shrinksTo: 8 },
      { title: 'attempt', value: ({ attemptId }) => attemptId ?? '', shrinksTo: 8 },
      { title: 'problem', value: ({ problem }) => problem, shrinksTo: 12 },
    ],
    messages,
    io,
  )
}
