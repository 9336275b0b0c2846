// JSON Schemas as tables of fields.
import { anchorOf, link, table } from './markdown.mjs'

const refPattern = /^#\/(?:components\/schemas|\$defs)\/(.+)$/

/** The fields of an object schema. `page` is where the named schemas are described. */
export function fieldTable(schema, page = '') {
  const required = new Set(schema.required ?? [])
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    `\`${name}\``,
    typeText(property, page),
    required.has(name) ? 'yes' : 'no',
    meaningOf(property),
  ])
  return rows.length === 0 ? '' : table(['field', 'type', 'required', 'meaning'], rows)
}

/** The type of a value in a few words, with links to named schemas. */
export function typeText(schema, page = '') {
  if (schema === undefined || Object.keys(schema).length === 0) return 'any'
  const named = refPattern.exec(schema.$ref ?? '')?.[1]
  if (named !== undefined) return link(named, `${page}#${anchorOf(named)}`)
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map((choice) => typeText(choice, page)))].join(' or ')
  if (Array.isArray(schema.type)) return schema.type.join(' or ')
  if (schema.type === 'array') return `list of ${typeText(schema.items, page)}`
  if (schema.type === 'object') return objectText(schema, page)
  if (schema.format === 'date-time') return 'instant'
  return schema.type ?? 'any'
}

function objectText({ properties, additionalProperties }, page) {
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, field]) => `${name}: ${typeText(field, page)}`)
    return `{ ${fields.join(', ')} }`
  }
  const values = typeof additionalProperties === 'object' ? typeText(additionalProperties, page) : 'any'
  return values === 'any' ? 'object' : `object of ${values}`
}

/** Description, default and limits. Limits of safe integers are the type's own and are left out. */
export function meaningOf({ description = '', default: value, minimum, maximum, minLength, maxLength }) {
  const parts = [
    description,
    value === undefined ? '' : `Default \`${JSON.stringify(value)}\`.`,
    rangeText(
      minimum === -Number.MAX_SAFE_INTEGER ? undefined : minimum,
      maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    ),
    rangeText(minLength, maxLength, ' characters'),
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function rangeText(least, most, unit = '') {
  if (least === undefined && most === undefined) return ''
  if (most === undefined) return least === 0 ? '' : `At least ${least}${unit}.`
  return least === undefined ? `At most ${most}${unit}.` : `${least} to ${most}${unit}.`
}
