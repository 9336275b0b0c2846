import { auditPageSchema } from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { auditTable } from '../output/account-tables.ts'
import { withPage, type PageFlags } from './page-options.ts'

export const auditCommand: AddCommands = (program, { io }) => {
  withPage(withServer(program.command('audit')))
    .description('list who did what, newest first; for admins')
    .action(async (flags: PageFlags) => {
      const { limit, cursor } = flags
      const page = await (
        await connect(flags)
      ).get('/api/v1/audit', auditPageSchema, {
        query: { limit, cursor },
      })
      if (flags.json === true) printJson(io, page)
      else io.out(auditTable(page.items, io) || 'nothing yet')
    })
}
