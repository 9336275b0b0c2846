import { queueListSchema, workerListSchema, type WorkerView } from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { localTime } from '../output/duration.ts'
import { renderTable } from '../output/table.ts'

export const fleetCommands: AddCommands = (program, { io }) => {
  withServer(program.command('workers'))
    .description('list live workers')
    .action(async (flags: RemoteFlags) => {
      const client = await connect(flags)
      const list = await client.get('/api/v1/workers', workerListSchema)
      if (flags.json === true) {
        printJson(io, list)
        return
      }
      const table = renderTable<WorkerView>(
        [
          { title: 'worker', value: (worker) => worker.name, shrinksTo: 12 },
          { title: 'queues', value: (worker) => worker.queues.join(' '), shrinksTo: 8 },
          {
            title: 'running',
            align: 'right',
            value: ({ active, concurrency }) => `${active ?? '?'}/${concurrency ?? '?'}`,
          },
          { title: 'done', align: 'right', value: (worker) => String(worker.processed ?? '') },
          { title: 'seen', value: (worker) => localTime(worker.last_seen_at) },
        ],
        list.items,
        io,
      )
      io.out(table || 'no workers')
    })

  withServer(program.command('queues'))
    .description('show depth and consumers of every queue')
    .action(async (flags: RemoteFlags) => {
      const client = await connect(flags)
      const list = await client.get('/api/v1/queues', queueListSchema)
      if (flags.json === true) {
        printJson(io, list)
        return
      }
      const table = renderTable<(typeof list.items)[number]>(
        [
          { title: 'queue', value: (depth) => depth.queue },
          { title: 'messages', align: 'right', value: (depth) => String(depth.messages) },
          { title: 'consumers', align: 'right', value: (depth) => String(depth.consumers) },
        ],
        list.items,
        io,
      )
      io.out(table)
    })
}
