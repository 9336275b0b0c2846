import { z } from 'zod'
import { countSchema, instantSchema, jsonObjectSchema, pageSchema, textSchema } from './common.ts'
import { named } from './schema-registry.ts'

export const modelSchema = named(
  'ModelVersion',
  z.object({
    name: z.string(),
    version: z.number().int(),
    alias: z
      .string()
      .nullable()
      .describe('One of the aliases: `champion`, else `candidate`, else the first of the alphabet.'),
    aliases: z.array(z.string()).describe('All aliases, in alphabetical order.'),
    run_id: z.string(),
    operator_id: z.string(),
    attempt: z.number().int(),
    uri: z.string(),
    metrics: z.record(z.string(), z.unknown()),
    signature: z.unknown(),
    serving: jsonObjectSchema
      .nullable()
      .describe(
        'How it is served, as found out at deployment: `runtime`, the `reason` if it is Python, and `max_difference` between the two on `rows` rows. Null: that was not found out.',
      ),
    deployment: jsonObjectSchema.describe(
      'What the deploying operator said: all of the above, parameters, data hash, library versions.',
    ),
    created_at: instantSchema,
    created_by: z
      .string()
      .nullable()
      .describe('Who submitted the run that registered it, as `submitted_by` of the run. Null: not known.'),
    archived_at: instantSchema.nullable().describe('Not null: it is neither served nor given an alias.'),
  }),
)
export type ModelView = z.output<typeof modelSchema>
export const modelPageSchema = pageSchema('ModelPage', modelSchema)

/** Query of a model: by version, by alias, or (neither) the newest. */
export const modelQuerySchema = z
  .strictObject({
    version: countSchema(1).optional().describe('Version number; not together with an alias.'),
    alias: textSchema(100).optional().describe('Alias of a version.'),
  })
  .refine((query) => query.version === undefined || query.alias === undefined, {
    message: 'give a version or an alias, not both',
  })

const percentSchema = z.number().min(0).max(100)
const shareSchema = z.object({ version: z.number().int(), percent: percentSchema })
const trafficSchema = z.object({
  canary: shareSchema.nullable().describe('Answers this share of the requests that name no version.'),
  shadow: shareSchema
    .nullable()
    .describe('Is asked as well for this share; its answers are compared and dropped.'),
})

const modelStateSchema = z.object({
  name: z.string(),
  revision: z.number().int().describe('Grows with every change of aliases, traffic and versions.'),
  latest_version: z.number().int(),
  aliases: z.record(z.string(), z.number().int()).describe('Alias → version.'),
  ...trafficSchema.shape,
})

/** A model as a change has left it. */
export const modelStateAnswerSchema = named('ModelState', modelStateSchema)
export type ModelStateView = z.output<typeof modelStateAnswerSchema>

export const modelRouteSchema = named(
  'ModelRoute',
  modelStateSchema.extend({
    primary: shareSchema
      .nullable()
      .describe(
        'Who answers the rest: the champion, else the newest version that is not archived. Null: nobody, all are archived.',
      ),
  }),
)
export type ModelRouteView = z.output<typeof modelRouteSchema>

export const modelChangeSchema = named(
  'ModelChange',
  z.object({
    revision: z.number().int().describe('Of the model, after this change.'),
    kind: z.enum([
      'registered',
      'alias_set',
      'alias_removed',
      'promoted',
      'rolled_back',
      'traffic_set',
      'archived',
      'restored',
      'deleted',
    ]),
    version: z.number().int().nullable(),
    alias: z.string().nullable(),
    previous_version: z.number().int().nullable().describe('What the alias, or the canary, named before.'),
    traffic: trafficSchema.nullable().describe('As the change left it; null where it left it alone.'),
    actor: z
      .string()
      .nullable()
      .describe('Who did it; for `registered`, who submitted the run. Null: not known.'),
    at: instantSchema,
  }),
)
export type ModelChangeView = z.output<typeof modelChangeSchema>
export const modelChangePageSchema = pageSchema('ModelChangePage', modelChangeSchema)

/** A number would be taken for a version wherever either may stand. */
export const newAliasSchema = textSchema(100).regex(/\D/, { message: 'an alias is not a number' })

const alias = textSchema(100).describe('Alias of the version.')
// Bodies are JSON: a version is a number there.
const bodyVersion = z.number().int().min(1).max(2_147_483_647).describe('Version number.')

export const setAliasBodySchema = named('SetModelAliasBody', z.strictObject({ version: bodyVersion }))

export const promoteBodySchema = named(
  'PromoteModelBody',
  z
    .strictObject({ version: bodyVersion.optional(), alias: alias.optional() })
    .refine((body) => body.version === undefined || body.alias === undefined, {
      message: 'give a version or an alias, not both',
    }),
)

const wantedShareSchema = z
  .strictObject({ version: bodyVersion.optional(), alias: alias.optional(), percent: percentSchema })
  .refine((share) => (share.version === undefined) !== (share.alias === undefined), {
    message: 'give a version or an alias',
  })
export type WantedShare = z.output<typeof wantedShareSchema>

/** What is left out is none. */
export const modelTrafficBodySchema = named(
  'ModelTrafficBody',
  z.strictObject({
    canary: wantedShareSchema.nullable().default(null),
    shadow: wantedShareSchema.nullable().default(null),
  }),
)
export type ModelTrafficBody = z.output<typeof modelTrafficBodySchema>
