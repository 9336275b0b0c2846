// docs/reference/json-output.md: what commands print with --json.
import { z } from 'zod'
import { fence, link, note } from './markdown.mjs'
import { fieldTable } from './schema-table.mjs'

/** Schemas that the HTTP interface names stand as references. */
const jsonSchemaOf = (schema, named) =>
  z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const id = named.get(zodSchema)?.id
      if (id === undefined) return
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
      jsonSchema.$ref = `#/$defs/${id}`
    },
  })

export function jsonOutputPage({ jsonOutputs, faultSchema }, { httpSchemas }) {
  const shapeText = (schema) => {
    const id = httpSchemas.get(schema)?.id
    if (id !== undefined) return `As the HTTP interface answers: ${link(id, `api.md#${id.toLowerCase()}`)}.`
    return fieldTable(jsonSchemaOf(schema, httpSchemas), 'api.md')
  }
  const parts = Object.entries(jsonOutputs).map(([name, { form, schema, note: remark }]) => {
    const what =
      form === 'document' ? 'One JSON document.' : 'JSON lines: one document per line, as they come.'
    return `## celeriac ${name}\n\n${[what, remark].filter(Boolean).join(' ')}\n\n${shapeText(schema).trimEnd()}\n`
  })
  return `# JSON output

${note}
With \`--json\` a command prints nothing but JSON on standard output: one document, or JSON lines where it says so. Keys are stable: they may be
added, never renamed or removed. The exit code is the same as without. Everything else (logs of services, the narrative of the demo) goes to
standard error. A test runs every command on a running platform and holds it to these shapes.

${fence('sh', "celeriac runs --state failed --json | jq -r '.items[].id'\nceleriac logs 01a1fc1c-c625-74b9-83de-9685714d747d fit -f --json | jq -r .text")}
## Failures

A command that fails prints one JSON line on standard error, after whatever it printed before: \`{"error": {…}}\`, with

${fieldTable(jsonSchemaOf(faultSchema, httpSchemas).properties.error, 'api.md')}
${parts.join('\n')}`
}
