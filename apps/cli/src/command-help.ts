import type { Command } from 'commander'

interface CommandHelp {
  readonly group: string
  /** Command lines that work as they stand, once their ids and files exist. */
  readonly examples: readonly string[]
}

const services = 'Services:'
const runs = 'Runs:'
const data = 'Data and models:'
const fleet = 'Fleet:'
const tasks = 'Tasks:'
const accounts = 'Accounts:'
const exampleRun = '01a1fc1c-c625-74b9-83de-9685714d747d'

/** What the help says besides descriptions and options, by command. */
export const commandHelp: Readonly<Record<string, CommandHelp>> = {
  standalone: {
    group: services,
    examples: ['celeriac standalone', 'celeriac standalone --http-port 9000 -c 4'],
  },
  scheduler: {
    group: services,
    examples: [
      'celeriac scheduler --amqp-url amqp://guest:guest@rabbit:5672 --database-url postgres://celeriac@postgres:5432/celeriac',
      'CELERIAC_CONFIG=/etc/celeriac.json celeriac scheduler',
    ],
  },
  worker: {
    group: services,
    examples: ['celeriac worker -c 8', 'celeriac worker --executor gpu=./gpu-executor.js -Q gpu'],
  },
  migrate: { group: services, examples: ['celeriac migrate', 'celeriac migrate --status --json'] },
  demo: { group: services, examples: ['celeriac demo'] },
  validate: {
    group: runs,
    examples: ['celeriac validate examples/demo.yaml', 'celeriac validate - --json < examples/demo.yaml'],
  },
  run: {
    group: runs,
    examples: [
      'celeriac run examples/demo.yaml --watch',
      'celeriac run examples/demo.yaml --idempotency-key nightly-2026-11-21 --json',
    ],
  },
  runs: { group: runs, examples: ['celeriac runs --state failed -n 5', 'celeriac runs --json'] },
  status: {
    group: runs,
    examples: [`celeriac status ${exampleRun}`, `celeriac status ${exampleRun} --watch`],
  },
  cancel: { group: runs, examples: [`celeriac cancel ${exampleRun}`] },
  rerun: {
    group: runs,
    examples: [`celeriac rerun ${exampleRun}`, `celeriac rerun ${exampleRun} --from gbdt --watch`],
  },
  logs: {
    group: runs,
    examples: [`celeriac logs ${exampleRun} gbdt -f`, `celeriac logs ${exampleRun} gbdt --attempt 1 --json`],
  },
  explain: {
    group: runs,
    examples: [`celeriac explain ${exampleRun}`, `celeriac explain ${exampleRun} gbdt --json`],
  },
  schedules: { group: runs, examples: ['celeriac schedules list'] },
  'schedules list': { group: runs, examples: ['celeriac schedules list -n 200'] },
  'schedules show': { group: runs, examples: ['celeriac schedules show nightly'] },
  'schedules add': {
    group: runs,
    examples: [
      "celeriac schedules add nightly --dag credit-default --cron '0 2 * * *' --timezone Europe/Berlin --overlap skip",
      "celeriac schedules add report --task reports.mail --args '[7]' --every 1h --queue reports",
      'celeriac schedules add lamps --task home.lamps --solar sunset --at 52.5,13.4',
    ],
  },
  'schedules remove': { group: runs, examples: ['celeriac schedules remove nightly'] },
  'schedules enable': { group: runs, examples: ['celeriac schedules enable nightly'] },
  'schedules disable': { group: runs, examples: ['celeriac schedules disable nightly'] },
  'schedules trigger': { group: runs, examples: ['celeriac schedules trigger nightly --json'] },
  'schedules firings': { group: runs, examples: ['celeriac schedules firings nightly -n 10'] },
  datasets: { group: data, examples: ['celeriac datasets list'] },
  'datasets add': {
    group: data,
    examples: ['celeriac datasets add credit.csv --id 40 --rename default.payment.next.month:next_month'],
  },
  'datasets list': { group: data, examples: ['celeriac datasets list -n 5'] },
  'datasets show': { group: data, examples: ['celeriac datasets show 40'] },
  'datasets provide': {
    group: data,
    examples: ['celeriac datasets provide credit-default --file UCI_Credit_Card.csv'],
  },
  'datasets generate': {
    group: data,
    examples: ['celeriac datasets generate credit-default --rows 1000 -o credit.csv'],
  },
  algorithms: { group: data, examples: ['celeriac algorithms', 'celeriac algorithms algo_local_model_gbdt'] },
  models: { group: data, examples: ['celeriac models --name breast-cancer-gbdt'] },
  'models show': {
    group: data,
    examples: ['celeriac models show credit', 'celeriac models show credit --alias champion --json'],
  },
  'models promote': {
    group: data,
    examples: ['celeriac models promote credit', 'celeriac models promote credit --version 3'],
  },
  'models rollback': { group: data, examples: ['celeriac models rollback credit'] },
  'models alias': { group: data, examples: ['celeriac models alias set credit blue 2'] },
  'models alias set': { group: data, examples: ['celeriac models alias set credit candidate 3'] },
  'models alias remove': { group: data, examples: ['celeriac models alias remove credit blue'] },
  'models traffic': {
    group: data,
    examples: [
      'celeriac models traffic credit',
      'celeriac models traffic credit --canary candidate:10 --shadow 3:100',
      'celeriac models traffic credit --none',
    ],
  },
  'models archive': { group: data, examples: ['celeriac models archive credit 1'] },
  'models restore': { group: data, examples: ['celeriac models restore credit 1'] },
  'models delete': { group: data, examples: ['celeriac models delete credit 1'] },
  'models download': {
    group: data,
    examples: ['celeriac models download credit --alias champion -o credit.tar.gz'],
  },
  'models changes': { group: data, examples: ['celeriac models changes credit -n 10'] },
  'models drift': {
    group: data,
    examples: ['celeriac models drift credit', 'celeriac models drift credit --version 3'],
  },
  predict: {
    group: data,
    examples: [
      `celeriac predict breast-cancer-gbdt --row '{"mean_radius": 11.42, "mean_texture": 20.38}'`,
      'celeriac predict breast-cancer-gbdt --version 3 --row - --json < rows.json',
    ],
  },
  train: {
    group: data,
    examples: [
      'celeriac train --algorithm algo_local_model_gbdt --dataset 569 --target diagnosis --split 0.2 --watch',
      'celeriac train --algorithm algo_local_kmeans --dataset 4 -p n_clusters=3 --deploy iris --alias champion',
    ],
  },
  'batch-predict': {
    group: data,
    examples: [
      'celeriac batch-predict breast-cancer-gbdt --dataset 570 --keep patient --format csv -o scored.csv',
    ],
  },
  task: { group: runs, examples: [`celeriac task show ${exampleRun}`] },
  'task show': { group: runs, examples: [`celeriac task show ${exampleRun} --json`] },
  'task watch': { group: runs, examples: [`celeriac task watch ${exampleRun}`] },
  'task cancel': { group: runs, examples: [`celeriac task cancel ${exampleRun}`] },
  'task logs': { group: runs, examples: [`celeriac task logs ${exampleRun} -f --stage train`] },
  workers: { group: fleet, examples: ['celeriac workers'] },
  queues: { group: fleet, examples: ['celeriac queues --json'] },
  retention: { group: services, examples: ['celeriac retention --dry-run', 'celeriac retention --json'] },
  login: {
    group: accounts,
    examples: ['celeriac login --username ann', 'celeriac login --username ci --json < password.txt'],
  },
  logout: { group: accounts, examples: ['celeriac logout', 'celeriac logout --all'] },
  password: {
    group: accounts,
    examples: ['celeriac password', 'celeriac password --json < two-lines.txt'],
  },
  whoami: { group: accounts, examples: ['celeriac whoami'] },
  users: { group: accounts, examples: ['celeriac users list'] },
  'users list': { group: accounts, examples: ['celeriac users list -n 200'] },
  'users add': {
    group: accounts,
    examples: ['celeriac users add ann --role editor --email ann@example.org'],
  },
  'users set-role': { group: accounts, examples: ['celeriac users set-role ann admin'] },
  'users disable': { group: accounts, examples: ['celeriac users disable ann'] },
  'users enable': { group: accounts, examples: ['celeriac users enable ann'] },
  'users reset-password': { group: accounts, examples: ['celeriac users reset-password ann'] },
  tokens: { group: accounts, examples: ['celeriac tokens list'] },
  'tokens list': { group: accounts, examples: ['celeriac tokens list --all'] },
  'tokens create': {
    group: accounts,
    examples: [
      'celeriac tokens create nightly --days 30',
      'celeriac tokens create dashboard --role viewer --scope read',
    ],
  },
  'tokens revoke': { group: accounts, examples: [`celeriac tokens revoke ${exampleRun}`] },
  audit: { group: accounts, examples: ['celeriac audit -n 20', 'celeriac audit --json'] },
  inspect: {
    group: tasks,
    examples: [
      'celeriac inspect ping',
      'celeriac inspect active -d celery@host1,celery@host2 --timeout 5',
      `celeriac inspect query_task ${exampleRun} --json`,
    ],
  },
  control: {
    group: tasks,
    examples: [
      `celeriac control revoke ${exampleRun} --terminate`,
      "celeriac control rate_limit tasks.add 10/m --pattern 'celery@host*'",
      'celeriac control shutdown -d celery@host1',
    ],
  },
  events: { group: tasks, examples: ['celeriac events --enable', 'celeriac events --json --limit 100'] },
  call: {
    group: tasks,
    examples: [
      "celeriac call tasks.add '[2, 3]' --wait",
      `celeriac call shop.pay --kwargs '{"to": "ann"}' --countdown 60 -Q payments`,
    ],
  },
  purge: { group: tasks, examples: ['celeriac purge celery --force'] },
  parked: { group: tasks, examples: ['celeriac parked list'] },
  'parked list': { group: tasks, examples: ['celeriac parked list', 'celeriac parked list --json'] },
  'parked replay': {
    group: tasks,
    examples: [
      'celeriac parked replay --all --reason unknown_version',
      'celeriac parked replay --id 4f9c1f6c6a2f83d1 --json',
    ],
  },
}

/** Every command below the program with its name: `datasets add`. */
export function* commandsOf(program: Command, prefix = ''): Generator<readonly [string, Command]> {
  for (const command of program.commands) {
    const name = `${prefix}${command.name()}`
    yield [name, command]
    yield* commandsOf(command, `${name} `)
  }
}

/** Puts the groups into the list of commands, and the examples under the help of each. */
export function addCommandHelp(program: Command): void {
  for (const [name, command] of commandsOf(program)) {
    const help = commandHelp[name]
    if (help === undefined) continue
    if (command.parent === program) command.helpGroup(help.group)
    command.addHelpText('after', `\nExamples:\n${help.examples.map((line) => `  ${line}`).join('\n')}`)
  }
}
