import { callerSchema, loggedOutSchema, loginSchema, type CallerView } from '@celeriac/contracts/http'
import { printJson, withServer, type AddCommands, type Cli, type RemoteFlags } from '../cli.ts'
import { connect } from '../client/connect.ts'
import { ApiClient } from '../client/api-client.ts'
import { readLogin, removeLogin, writeLogin } from '../client/login-file.ts'
import { isTyped, readSecrets } from '../client/read-secret.ts'
import { usageFault } from '../cli-fault.ts'
import { clientConfigSchema, readSettings } from '../config.ts'
import { userInfo } from 'node:os'

/** A password from the terminal without an echo, or from standard input. */
export const passwordOf = async (cli: Cli, prompt: string): Promise<string> =>
  (await secretsOf(cli, [prompt]))[0] ?? ''

const secretsOf = ({ io }: Cli, prompts: readonly string[]): Promise<readonly string[]> =>
  io.readSecrets?.(prompts) ?? readSecrets(prompts)

export const loginCommands: AddCommands = (program, cli) => {
  const { io } = cli
  withServer(program.command('login'))
    .description('log in with a name and a password, which is asked for or read from standard input')
    .option('--username <name>', 'default: your name on this machine')
    .action(async (flags: RemoteFlags & { readonly username?: string }) => {
      const { config } = await readSettings(clientConfigSchema, { ...flags })
      const username = flags.username ?? userInfo().username
      const password = await passwordOf(cli, `password of ${username}: `)
      const client = new ApiClient({ server: config.server, token: null })
      const login = await client.post('/api/v1/auth/login', loginSchema, { body: { username, password } })
      const { token, expires_at, user } = login
      const file = await writeLogin(config.dataDir, {
        server: config.server,
        username: user.username,
        token,
        expires_at,
      })
      if (flags.json === true) printJson(io, { username: user.username, role: user.role, expires_at, file })
      else io.out(`logged in as ${user.username} (${user.role}) until ${expires_at}`)
      if (config.token !== null) io.err('CELERIAC_API_TOKEN or --token is set, and goes before the login')
    })

  withServer(program.command('logout'))
    .description('end the login that is kept in the data directory')
    .option('--all', 'all logins of the user, on all machines')
    .action(async (flags: RemoteFlags & { readonly all?: boolean }) => {
      const { config } = await readSettings(clientConfigSchema, { ...flags })
      const login = await readLogin(config.dataDir, config.server)
      if (login === null) throw usageFault('nobody is logged in at this server')
      const client = new ApiClient({ server: config.server, token: login.token })
      const path = flags.all === true ? '/api/v1/auth/logout-all' : '/api/v1/auth/logout'
      try {
        const ended = await client.post(path, loggedOutSchema)
        if (flags.json === true) printJson(io, ended)
        else io.out(`logged out ${login.username}`)
      } finally {
        // A token that the server does not know any more is of no use either.
        await removeLogin(config.dataDir)
      }
    })

  withServer(program.command('password'))
    .description(
      'change your password; ends all your other logins. Both are asked for, or two lines of input',
    )
    .action(async (flags: RemoteFlags) => {
      const client = await connect(flags)
      const prompts = ['current password: ', 'new password: ', ...(isTyped() ? ['new password again: '] : [])]
      const [current = '', next = '', again = next] = await secretsOf(cli, prompts)
      if (again !== next) throw usageFault('the new password was typed in two ways')
      const body = { current, new: next }
      const ended = await client.post('/api/v1/auth/password', loggedOutSchema, { body })
      if (flags.json === true) printJson(io, ended)
      else io.out(`the password is changed; other logins that were ended: ${ended.revoked}`)
    })

  withServer(program.command('whoami'))
    .description('whose token is in use, and what it allows')
    .action(async (flags: RemoteFlags) => {
      const caller = await (await connect(flags)).get('/api/v1/auth/me', callerSchema)
      if (flags.json === true) printJson(io, caller)
      else io.out(callerLine(caller))
    })
}

const callerLine = ({ kind, user, role, scopes, token }: CallerView): string => {
  const who = user?.username ?? (kind === 'configured' ? 'the configured admin token' : (token?.name ?? ''))
  const until = token?.expires_at == null ? '' : ` until ${token.expires_at}`
  return `${who}: ${role}, scopes ${scopes.join(', ')} (${kind}${until})`
}
