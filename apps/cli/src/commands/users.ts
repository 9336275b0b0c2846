import { userPageSchema, userSchema, type UserView } from '@celeriac/contracts/http'
import { roles } from '@celeriac/core'
import { Argument, Option } from 'commander'
import { printJson, withServer, type AddCommands, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { userTable } from '../output/account-tables.ts'
import { passwordOf } from './login.ts'
import { withPage, type PageFlags } from './page-options.ts'

const path = '/api/v1/users'
const pathOf = (name: string): string => `${path}/${encodeURIComponent(name)}`

export const userCommands: AddCommands = (program, cli) => {
  const { io } = cli
  const users = program.command('users').description('who may use the platform; for admins')
  const print = (user: UserView, flags: RemoteFlags): void => {
    if (flags.json === true) printJson(io, user)
    else io.out(`${user.username}: ${user.role}${user.disabled ? ', disabled' : ''}`)
  }
  const change = async (name: string, body: object, flags: RemoteFlags): Promise<void> =>
    print(await (await connect(flags)).patch(pathOf(name), userSchema, { body }), flags)

  withPage(withServer(users.command('list')))
    .description('list users by name')
    .action(async (flags: PageFlags) => {
      const { limit, cursor } = flags
      const page = await (await connect(flags)).get(path, userPageSchema, { query: { limit, cursor } })
      if (flags.json === true) printJson(io, page)
      else io.out(userTable(page.items, io) || 'no users; celeriac users add makes one')
    })

  withServer(users.command('add'))
    .description('make a user; the password is asked for or read from standard input')
    .argument('<username>', 'letters, digits and . _ @ + -')
    .addOption(new Option('--role <role>', 'what the user may do').choices(roles).default('viewer'))
    .option('--email <address>', 'e-mail of the user')
    .action(async (username: string, flags: RemoteFlags & { role: string; email?: string }) => {
      const password = await passwordOf(cli, `password for ${username}: `)
      const body = { username, password, role: flags.role, email: flags.email ?? null }
      print(await (await connect(flags)).post(path, userSchema, { body }), flags)
    })

  withServer(users.command('set-role'))
    .description('change what a user may do')
    .argument('<username>', 'name or id of the user')
    .addArgument(new Argument('<role>', 'the new role').choices(roles))
    .action((username: string, role: string, flags: RemoteFlags) => change(username, { role }, flags))

  withServer(users.command('disable'))
    .description('lock a user out; ends all logins and API tokens of the user')
    .argument('<username>', 'name or id of the user')
    .action((username: string, flags: RemoteFlags) => change(username, { disabled: true }, flags))

  withServer(users.command('enable'))
    .description('let a user in again, with new logins and tokens')
    .argument('<username>', 'name or id of the user')
    .action((username: string, flags: RemoteFlags) => change(username, { disabled: false }, flags))

  withServer(users.command('reset-password'))
    .description('set a new password, asked for or read from standard input; ends all logins and API tokens')
    .argument('<username>', 'name or id of the user')
    .action(async (username: string, flags: RemoteFlags) => {
      await change(username, { password: await passwordOf(cli, `new password for ${username}: `) }, flags)
    })
}
