// docs/reference/api.md: the OpenAPI document for people.
import { anchorOf, fence, link, note, table } from './markdown.mjs'
import { fieldTable, meaningOf, typeText } from './schema-table.mjs'

/** Values that stand in for parameters in the examples. */
const exampleValues = {
  id: {
    dags: 'first',
    runs: '01a1fc1c-c625-74b9-83de-9685714d747d',
    datasets: '7',
    users: 'ann',
    tokens: '01a1fc21-0d2f-7be0-8f6c-5f0c2d9a7e41',
    iris: '1',
    tasks: '01a1fc1c-c625-74b9-83de-9685714d747d',
  },
  version: '1',
  operator: 'select',
  port: '0',
  name: 'breast-cancer',
  alias: 'champion',
}
const exampleQueries = {
  'POST /api/v1/datasets': '?id=7&name=tumours',
  'POST /invocations': '?model=breast-cancer',
  'GET /api/train': `?train_task_id=${exampleValues.id.runs}`,
}
const files = { 'application/yaml': 'first.yaml', 'text/csv': 'tumours.csv' }

export function apiPage(document) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      ...operation,
    })),
  )
  const groups = document.tags.map(({ name, description }) => {
    const own = operations.filter(({ tags }) => tags[0] === name)
    return `## ${titleOf(name)}\n\n${description}\n\n${own.map((each) => operationText(each, document)).join('\n')}`
  })
  const rows = operations.map(({ method, path, summary, ...access }) => [
    link(`\`${method} ${path}\``, `#${anchorOf(`${method} ${path}`)}`),
    access['x-least-role'] ?? (access.security.length === 0 ? 'public' : 'loopback'),
    summary,
  ])
  return `# HTTP interface

${note}
${document.info.description}

A running scheduler serves the same as an OpenAPI ${document.openapi} document at \`/api/openapi.json\`. Bodies are JSON unless a route says
otherwise; instants are ISO 8601 in UTC with milliseconds. The examples assume:

${fence('sh', `export CELERIAC_SERVER=http://127.0.0.1:8780\nexport CELERIAC_API_TOKEN=$(cat .celeriac/token)`)}
The role is the least that is needed: admins may do what editors may, and these what viewers may. An API token also needs the scope
of that role: \`read\` for viewer, \`run\` for editor, \`admin\` for admin. \`public\` needs no token; \`loopback\` none from the same
machine, else one of a viewer. See [accounts](../guide/accounts.md).

${table(['route', 'role', ''], rows)}
${groups.join('\n')}
## Schemas

${Object.entries(document.components.schemas)
  .map(([id, schema]) => schemaText(id, schema))
  .join('\n')}`
}

const titleOf = (tag) => (tag === 'dags' ? 'DAGs' : tag[0].toUpperCase() + tag.slice(1))

function operationText(operation, document) {
  const { method, path, summary, description, operationId, parameters, requestBody } = operation
  const parts = [
    `### ${method} ${path}`,
    [summary, description].filter(Boolean).join('\n\n'),
    `Operation \`${operationId}\`. ${accessText(operation)}`,
    parameters.length === 0 ? '' : parameterTable(parameters),
    requestBody === undefined ? '' : bodyText(requestBody),
    answerTable(operation.responses),
    fence('sh', curlOf(operation, document).join(' \\\n  ')),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function accessText({ security, 'x-least-role': role, 'x-token-scope': scope }) {
  if (security === undefined) return `Needs the role ${role}; of an API token also the scope \`${scope}\`.`
  return security.length === 0
    ? 'Needs no token.'
    : 'Needs a token, unless it is asked from the same machine.'
}

const parameterTable = (parameters) =>
  table(
    ['parameter', 'in', 'type', 'required', 'meaning'],
    parameters.map(({ name, in: place, schema, required, description }) => [
      `\`${name}\``,
      place,
      typeText(schema),
      required ? 'yes' : 'no',
      meaningOf({ ...schema, description }),
    ]),
  ).trimEnd()

/** Content types with the same schema share a line. */
function bodyText({ required, content }) {
  const bySchema = new Map()
  for (const [type, { schema }] of Object.entries(content)) {
    const text = schema === undefined ? (type.includes('yaml') ? 'any text' : 'bytes') : typeText(schema)
    bySchema.set(text, [...(bySchema.get(text) ?? []), `\`${type}\``])
  }
  const lines = [...bySchema].map(([text, types]) => `- ${types.join(', ')}: ${text}`)
  return `Body${required ? '' : ' (optional)'}:\n\n${lines.join('\n')}`
}

/** Errors bear their codes; what each means is on a page of its own. */
function answerTable(responses) {
  const rows = Object.entries(responses).map(([status, { description, content = {}, headers = {} }]) => {
    const codes = [...description.matchAll(/`([A-Z]+_[A-Z_]+)`: /g)].map(([, code]) => `\`${code}\``)
    if (codes.length > 0)
      return [
        status,
        codes.join(', '),
        Object.values(content)
          .map(({ schema }) => typeText(schema))
          .join('; '),
      ]
    const bodies = Object.entries(content).map(([type, { schema, 'x-itemSchema': item }]) => {
      const text = item === undefined ? typeText(schema) : `${typeText(item)}, one per event`
      return type === 'application/json' ? text : `\`${type}\`: ${text}`
    })
    const location = headers.Location === undefined ? '' : ' Its address is in `Location`.'
    return [status, `${description.replace(/\.?$/, '.')}${location}`, bodies.join('; ') || 'none']
  })
  return table(['status', 'answer', 'body'], rows).trimEnd()
}

function curlOf({ method, path, security, requestBody, responses, tags }, document) {
  const address = path.replaceAll(/\{(\w+)\}/g, (_match, name) => exampleValue(name, path, tags))
  const query = exampleQueries[`${method} ${path}`] ?? ''
  const isStream = Object.values(responses).some(({ content = {} }) => 'text/event-stream' in content)
  return [
    `curl${isStream ? ' -N' : ''}${method === 'GET' ? '' : ` -X ${method}`} "$CELERIAC_SERVER${address}${query}"`,
    ...(security?.length === 0 ? [] : ['-H "Authorization: Bearer $CELERIAC_API_TOKEN"']),
    ...bodyArguments(requestBody, document),
  ]
}

function exampleValue(name, path) {
  const value = exampleValues[name]
  const collection = /^\/api\/(?:v1\/)?(\w+)/.exec(path)?.[1] ?? ''
  const found = typeof value === 'object' ? value[collection] : value
  if (found === undefined) throw new Error(`there is no example for the parameter ${name} of ${path}`)
  return found
}

function bodyArguments(requestBody, document) {
  if (requestBody === undefined) return []
  const isAlsoJson = 'application/json' in requestBody.content
  const file = Object.keys(files).find(
    (type) => type in requestBody.content && !(type === 'text/csv' && isAlsoJson),
  )
  if (file !== undefined) return [`-H 'Content-Type: ${file}'`, `--data-binary @${files[file]}`]
  const reference = requestBody.content['application/json']?.schema?.$ref ?? ''
  const example = document.components.schemas[reference.split('/').at(-1)]?.examples?.[0]
  if (example === undefined) throw new Error(`there is no example for a body of ${reference}`)
  return [`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(example)}'`]
}

function schemaText(id, schema) {
  const [example] = schema.examples ?? []
  const choices = schema.oneOf ?? schema.anyOf
  const fields =
    choices === undefined ? fieldTable(schema) : choices.map((choice) => `- ${typeText(choice)}\n`).join('')
  return [
    `### ${id}`,
    schema.description ?? '',
    fields.trimEnd(),
    example === undefined ? '' : fence('json', JSON.stringify(example)),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
