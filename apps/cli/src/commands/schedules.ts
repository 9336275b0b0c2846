import {
  catchUpKinds,
  firingPageSchema,
  firingSchema,
  schedulePageSchema,
  scheduleSchema,
  type ScheduleView,
} from '@celeriac/contracts/http'
import { overlapPolicies } from '@celeriac/core'
import { Option, type Command } from 'commander'
import { printJson, withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { firingTable, scheduleLines, scheduleTable, zoneOf } from '../output/schedule-tables.ts'
import { wholeNumber } from './runs.ts'
import { scheduleBody, type AddFlags } from './schedule-body.ts'

interface ListFlags extends RemoteFlags {
  readonly limit: number
  readonly cursor?: string
}

const pathOf = (name: string): string => `/api/v1/schedules/${encodeURIComponent(name)}`

export const scheduleCommands: AddCommands = (program, cli) => {
  const { io } = cli
  const schedules = program.command('schedules').description('start DAGs and plain tasks at set times')

  withPage(withServer(schedules.command('list')))
    .description('list schedules by name, with their next due times in their time zones')
    .action(async (flags: ListFlags) => {
      const client = await connect(flags)
      const { limit, cursor } = flags
      const page = await client.get('/api/v1/schedules', schedulePageSchema, { query: { limit, cursor } })
      if (flags.json === true) printJson(io, page)
      else io.out(scheduleTable(page.items, io) || 'no schedules; celeriac schedules add makes one')
    })

  withServer(schedules.command('show'))
    .description('show a schedule')
    .argument('<name>', 'name of the schedule')
    .action(async (name: string, flags: RemoteFlags) => {
      print(await (await connect(flags)).get(pathOf(name), scheduleSchema), flags, cli)
    })

  addCommand(withServer(schedules.command('add')), cli)

  withServer(schedules.command('remove'))
    .description('remove a schedule and the record of its firings; what it started goes on')
    .argument('<name>', 'name of the schedule')
    .action(async (name: string, flags: RemoteFlags) => {
      const schedule = await (await connect(flags)).delete(pathOf(name), scheduleSchema)
      if (flags.json === true) printJson(io, schedule)
      else io.out(`removed ${schedule.name}`)
    })

  for (const [verb, enabled, description] of [
    ['enable', true, 'enable a schedule; what came due meanwhile is not caught up on'],
    ['disable', false, 'disable a schedule; what it started goes on'],
  ] as const)
    withServer(schedules.command(verb))
      .description(description)
      .argument('<name>', 'name of the schedule')
      .action(async (name: string, flags: RemoteFlags) => {
        const client = await connect(flags)
        print(await client.patch(pathOf(name), scheduleSchema, { body: { enabled } }), flags, cli)
      })

  withServer(schedules.command('trigger'))
    .description('fire a schedule now, beside its due times')
    .argument('<name>', 'name of the schedule')
    .action(async (name: string, flags: RemoteFlags) => {
      const firing = await (await connect(flags)).post(`${pathOf(name)}/trigger`, firingSchema)
      if (flags.json === true) printJson(io, firing)
      else io.out(firing.run_id === null ? `task ${firing.task_id ?? ''}` : `run ${firing.run_id}`)
    })

  withPage(withServer(schedules.command('firings')))
    .description('list what became of the due times of a schedule, the latest first')
    .argument('<name>', 'name of the schedule')
    .action(async (name: string, flags: ListFlags) => {
      const client = await connect(flags)
      const { limit, cursor } = flags
      const page = await client.get(`${pathOf(name)}/firings`, firingPageSchema, { query: { limit, cursor } })
      if (flags.json === true) {
        printJson(io, page)
        return
      }
      const zone = zoneOf(await client.get(pathOf(name), scheduleSchema))
      io.out(firingTable(page.items, zone, io) || 'not fired yet')
    })
}

const withPage = (command: Command): Command =>
  command
    .option('-n, --limit <count>', 'how many', wholeNumber, 50)
    .option('--cursor <cursor>', 'go on after a page (next_cursor of --json)')

function addCommand(command: Command, cli: Cli): void {
  command
    .description('make a schedule')
    .argument('<name>', 'name of the schedule')
    .option('--cron <expression>', 'minute hour day month weekday; or @daily and the like')
    .option('--timezone <zone>', 'of --cron, such as Europe/Berlin (default: UTC)')
    .option('--every <duration>', 'an interval: 30s, 15m, 1h30m')
    .option('--solar <event>', 'sunrise, sunset, dawn_civil, solar_noon …')
    .option('--at <north,east>', 'of --solar: degrees, such as 52.5,13.4')
    .option('--dag <dag>', 'run this DAG, by id or name')
    .option('--dag-version <number>', 'of --dag (default: the newest at the time)', wholeNumber)
    .option('--task <name>', 'send this Celery task')
    .option('--args <json>', 'of --task: a list')
    .option('--kwargs <json>', 'of --task: an object')
    .option('--queue <queue>', 'of --task (default: celery)')
    .option('--expires <seconds>', 'of --task: not run later than this after it was due', wholeNumber)
    .addOption(
      new Option('--catch-up <policy>', 'due times that passed meanwhile (default: last)').choices(
        catchUpKinds,
      ),
    )
    .option('--catch-up-limit <count>', 'of --catch-up all (default: 100)', wholeNumber)
    .addOption(
      new Option('--overlap <policy>', 'while an earlier one runs (default: allow)').choices(overlapPolicies),
    )
    .option('--end-at <time>', 'no due time after this one, such as 2027-01-01T00:00:00Z')
    .option('--disabled', 'fire nothing until it is enabled')
    .option('--replace', 'take the place of the schedule of this name')
    .action(async (name: string, flags: RemoteFlags & AddFlags & { readonly replace?: boolean }) => {
      const body = scheduleBody(flags)
      const client = await connect(flags)
      const schedule =
        flags.replace === true
          ? await client.put(pathOf(name), scheduleSchema, { body })
          : await client.post('/api/v1/schedules', scheduleSchema, { body: { name, ...body } })
      print(schedule, flags, cli)
    })
}

function print(schedule: ScheduleView, flags: RemoteFlags, { io }: Cli): void {
  if (flags.json === true) printJson(io, schedule)
  else for (const line of scheduleLines(schedule)) io.out(line)
}
