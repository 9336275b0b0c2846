// docs/reference/cli.md: every command, from the commands themselves.
import { anchorOf, fence, link, note, table } from './markdown.mjs'

const silentIo = {
  out() {},
  err() {},
  drained: () => Promise.resolve(),
  paint: (_style, text) => text,
  isTty: false,
  columns: 100,
  rows: 40,
}

export async function cliPage({
  buildProgram,
  commandsOf,
  commandHelp,
  defaultText,
  exitCodes,
  jsonOutputs,
}) {
  const program = await buildProgram({
    io: silentIo,
    signal: () => new AbortController().signal,
    end() {},
  })
  const commands = [...commandsOf(program)].filter(([, command]) => command.commands.length === 0)
  const groups = [...new Set(commands.map(([name]) => commandHelp[name].group))]
  const index = groups.map((group) => {
    const own = commands.filter(([name]) => commandHelp[name].group === group)
    const rows = own.map(([name, command]) => [
      link(`\`celeriac ${name}\``, `#${anchorOf(`celeriac ${name}`)}`),
      command.description(),
    ])
    return `**${group.replace(':', '')}**\n\n${table(['command', ''], rows)}`
  })
  return `# Command line

${note}
\`celeriac <command> --help\` shows the same. Results go to standard output, everything about them to standard error; with \`--json\` results
are as [json-output.md](json-output.md) says. Settings come from the flag, else the environment, else the file of \`--config\`, else the
default ([configuration.md](configuration.md)). \`NO_COLOR\` is respected; live screens appear on terminals only.

${index.join('\n')}
## Exit codes

${table(
  ['code', 'meaning'],
  Object.values(exitCodes).map(({ code, meaning }) => [code, meaning]),
)}
${commands
  .map(([name, command]) => commandText(name, command, { commandHelp, defaultText, jsonOutputs }))
  .join('\n')}`
}

function commandText(name, command, { commandHelp, defaultText, jsonOutputs }) {
  const usage = `celeriac ${name} ${command.usage()}`
  const args = command.registeredArguments.map((argument) => [
    `\`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\``,
    argument.description,
  ])
  const options = command.options.map((option) => [
    `\`${option.flags}\``,
    environmentOf(option),
    defaultOf(option, defaultText),
    meaningOf(option),
  ])
  const shapes = Object.keys(jsonOutputs).filter(
    (key) => key === name || key.startsWith(`${name} -`) || key.startsWith(`${name} <`),
  )
  const json = link('`--json`', `json-output.md#${anchorOf(`celeriac ${shapes[0]}`)}`)
  return `## celeriac ${name}

${sentence(command.description())}${shapes.length === 0 ? '' : ` Takes ${json}.`}

${fence('sh', usage)}
${args.length === 0 ? '' : `${table(['argument', 'meaning'], args)}\n`}${table(['option', 'environment', 'default', 'meaning'], options)}
${fence('sh', commandHelp[name].examples.join('\n'))}`
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`
const code = (text) => (text === '' ? '–' : `\`${text}\``)
function environmentOf({ setting, long }) {
  if (setting !== undefined) return code(setting.env)
  return long === '--config' ? code('CELERIAC_CONFIG') : '–'
}

function defaultOf({ setting, defaultValue, mandatory }, defaultText) {
  if (setting === undefined) return mandatory ? 'required' : code(String(defaultValue ?? ''))
  return 'default' in setting ? code(defaultText(setting)) : 'required'
}

function meaningOf(option) {
  const text =
    option.setting === undefined
      ? option.description.replace(/ \(CELERIAC_CONFIG\)$/, '')
      : option.setting.description
  const choices =
    option.argChoices === undefined
      ? ''
      : ` One of ${option.argChoices.map((choice) => `\`${choice}\``).join(', ')}.`
  return `${text}${choices}`
}
