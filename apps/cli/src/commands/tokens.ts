import { createdTokenSchema, tokenPageSchema, tokenSchema } from '@celeriac/contracts/http'
import { roles, tokenScopes, type TokenScope } from '@celeriac/core'
import { Option } from 'commander'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { tokenTable } from '../output/account-tables.ts'
import { withPage, type PageFlags } from './page-options.ts'
import { wholeNumber } from './runs.ts'

const path = '/api/v1/tokens'

interface CreateFlags extends RemoteFlags {
  readonly scope?: readonly TokenScope[]
  readonly role?: string
  readonly days: number
  readonly neverExpires?: boolean
}

export const tokenCommands: AddCommands = (program, { io }) => {
  const tokens = program.command('tokens').description('API tokens for programs')

  withPage(withServer(tokens.command('list')))
    .description('list your API tokens, newest first')
    .option('--all', 'of everybody; for admins')
    .action(async (flags: PageFlags & { readonly all?: boolean }) => {
      const { limit, cursor, all } = flags
      const query = { limit, cursor, all }
      const page = await (await connect(flags)).get(path, tokenPageSchema, { query })
      if (flags.json === true) printJson(io, page)
      else io.out(tokenTable(page.items, io) || 'no tokens; celeriac tokens create makes one')
    })

  withServer(tokens.command('create'))
    .description('make an API token; it is shown this once')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('--scope <scopes...>', 'what it may be used for (default: read run)').choices(tokenScopes),
    )
    .addOption(new Option('--role <role>', 'it may do no more than this (default: your role)').choices(roles))
    .option('--days <count>', 'it expires after so many days', wholeNumber, 90)
    .option('--never-expires', 'it stays until it is revoked')
    .action(async (name: string, flags: CreateFlags) => {
      const body = {
        name,
        scopes: flags.scope,
        role: flags.role,
        expires_in_days: flags.neverExpires === true ? null : flags.days,
      }
      const created = await (await connect(flags)).post(path, createdTokenSchema, { body })
      if (flags.json === true) printJson(io, created)
      else io.out(created.secret)
    })

  withServer(tokens.command('revoke'))
    .description('end a token')
    .argument('<id>', 'id of the token')
    .action(async (id: string, flags: RemoteFlags) => {
      const token = await (await connect(flags)).delete(`${path}/${encodeURIComponent(id)}`, tokenSchema)
      if (flags.json === true) printJson(io, token)
      else io.out(`revoked ${token.name} (${token.prefix}…)`)
    })
}
