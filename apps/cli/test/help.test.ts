import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildProgram, commandHelp, commandsOf, jsonOutputs } from '../src/index.ts'
import { recordedIo, runCli } from './cli-harness.ts'

const program = await buildProgram({
  io: recordedIo(),
  signal: () => new AbortController().signal,
  end: () => undefined,
})
const all = new Map(commandsOf(program))
const leaves = [...all].filter(([, command]) => command.commands.length === 0)
const leaf = (name: string): Command => {
  const command = all.get(name)
  if (command === undefined) throw new Error(`there is no command ${name}`)
  return command
}

test('every command has a group and examples, and no others have', () => {
  expect([...all.keys()].toSorted()).toEqual(Object.keys(commandHelp).toSorted())
  for (const { examples } of Object.values(commandHelp)) expect(examples.length).toBeGreaterThan(0)
})

/** The words of a shell line, without what the shell itself takes: variables before it and redirections. */
const wordsOf = (line: string): string[] =>
  [...line.replace(/ < \S+$/, '').matchAll(/'([^']*)'|(\S+)/g)]
    .map(([, quoted, plain]) => quoted ?? plain ?? '')
    .filter((word, index, words) => !(index < words.indexOf('celeriac') && word.includes('=')))

const examples = Object.entries(commandHelp).flatMap(([name, help]) =>
  help.examples.map((line) => [name, line] as const),
)

test.each(examples)('the example of %s is a valid command line: %s', async (name, line) => {
  const [first, ...words] = wordsOf(line)
  expect(first).toBe('celeriac')
  // The example of a group is one of its commands.
  const command = [...all.keys()].filter((key) => `${words.join(' ')} `.startsWith(`${key} `)).at(-1) ?? ''
  expect(command === name || command.startsWith(`${name} `)).toBe(true)
  const { operands, unknown } = leaf(command).parseOptions(words.slice(command.split(' ').length))
  expect(unknown).toEqual([])
  const args = leaf(command).registeredArguments
  expect(operands.length).toBeGreaterThanOrEqual(args.filter(({ required }) => required).length)
  if (args.at(-1)?.variadic !== true) expect(operands.length).toBeLessThanOrEqual(args.length)
  for (const { long, mandatory } of leaf(command).options) if (mandatory) expect(line).toContain(long)
})

test('every command takes --json, and says what it prints then', () => {
  for (const [name, command] of leaves) {
    expect([name, command.options.some(({ long }) => long === '--json')]).toEqual([name, true])
    expect(Object.keys(jsonOutputs)).toContain(name)
  }
  for (const key of Object.keys(jsonOutputs)) {
    const [name = '', option] = key.split(/ (?=--|<)/)
    expect(all.has(name)).toBe(true)
    if (option?.startsWith('--')) expect(leaf(name).options.map(({ long }) => long)).toContain(option)
  }
})

test('without a command the help is shown, in groups, within the width of the terminal', async () => {
  const { code, err } = await runCli()
  expect(code).toBe(2)
  for (const text of ['Services:', 'Runs:', 'Data and models:', 'Fleet:', 'Tasks:', 'Exit codes:'])
    expect(err).toContain(text)
  for (const line of err.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  expect((await runCli('--help')).out).toBe((await runCli('help')).out)
})

test('the help of a command ends with its examples', async () => {
  const { code, out } = await runCli('run', '--help')
  expect(code).toBe(0)
  expect(out).toContain('Examples:\n  celeriac run examples/demo.yaml --watch')
})

test.each([
  [['stauts'], 'status'],
  [['datasets', 'lst'], 'list'],
  [['runs', '--sate', 'failed'], '--state'],
])('%j suggests %s', async (args, suggestion) => {
  const { code, err } = await runCli(...args)
  expect(code).toBe(2)
  expect(err).toContain(`Did you mean ${suggestion}?`)
})
