/**
 * The articles' system, as its clients know it. Messages of fields are the words of the framework that it was written in.
 * A number may come as text, as HTML forms send it; keys that nobody knows are left out.
 */
import { z } from 'zod'
import { registerBodySchema } from './accounts.ts'
import { named } from './schema-registry.ts'

/** Far beyond any flower, and far from where squares of it overflow. */
const mostCentimetres = 1e12
export const maxCategoryLength = 500

const words =
  (wrong: string) =>
  ({ input }: { readonly input?: unknown }): string => {
    if (input === undefined) return 'This field is required.'
    return input === null ? 'This field may not be null.' : wrong
  }

const decimal = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/
const whole = /^\s*[+-]?\d+(\.0*)?\s*$/

const numberOf = (pattern: RegExp, wrong: string) =>
  z
    .union([z.number(), z.string().max(100, { error: wrong, abort: true }).regex(pattern, wrong)], {
      error: words(wrong),
    })
    .transform(Number)

const measureSchema = numberOf(decimal, 'A valid number is required.').pipe(
  z
    .number({ error: 'A valid number is required.' })
    .min(-mostCentimetres, `Ensure this value is greater than or equal to ${-mostCentimetres}.`)
    .max(mostCentimetres, `Ensure this value is less than or equal to ${mostCentimetres}.`),
)

const string = (wrong = 'Not a valid string.') => z.string({ error: words(wrong) })

const categorySchema = string()
  .trim()
  .max(maxCategoryLength, `Ensure this field has no more than ${maxCategoryLength} characters.`)
  // PostgreSQL stores every character but this one.
  .refine((text) => !text.includes('\0'), 'Null characters are not allowed.')

const measures = {
  sepal_len: measureSchema,
  sepal_width: measureSchema,
  petal_len: measureSchema,
  petal_width: measureSchema,
}
const notAnObject = { error: 'Invalid data. Expected a dictionary.' }

export const irisBodySchema = named(
  'IrisBody',
  z.object({ ...measures, category: categorySchema.optional() }, notAnObject),
)
export type IrisBody = z.output<typeof irisBodySchema>

export const irisPatchSchema = named(
  'IrisPatch',
  z.object(
    {
      sepal_len: measureSchema.optional(),
      sepal_width: measureSchema.optional(),
      petal_len: measureSchema.optional(),
      petal_width: measureSchema.optional(),
      category: categorySchema.optional(),
    },
    notAnObject,
  ),
)
export type IrisPatch = z.output<typeof irisPatchSchema>

const measuresView = {
  sepal_len: z.number(),
  sepal_width: z.number(),
  petal_len: z.number(),
  petal_width: z.number(),
}

export const irisSchema = named(
  'Iris',
  z.object({ id: z.number().int(), ...measuresView, category: z.string() }),
)
export type IrisView = z.output<typeof irisSchema>
export const irisListSchema = named('IrisList', z.array(irisSchema))

export const irisTrainBodySchema = named(
  'IrisTrainBody',
  z.object(
    {
      cluster_number: numberOf(whole, 'A valid integer is required.').pipe(
        z
          .number({ error: 'A valid integer is required.' })
          .int('A valid integer is required.')
          .min(1, 'Ensure this value is greater than or equal to 1.'),
      ),
    },
    notAnObject,
  ),
)

export const irisTrainStartedSchema = named('IrisTrainStarted', z.object({ train_task_id: z.string() }))

export const irisTrainQuerySchema = z.object({
  train_task_id: string().describe('What `POST /api/train` answered.'),
})

export const irisTrainStates = ['PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'] as const
export type IrisTrainState = (typeof irisTrainStates)[number]

export const irisTrainingSchema = named(
  'IrisTraining',
  z.object({
    status: z.enum(irisTrainStates),
    result: z
      .array(z.object({ ...measuresView, cluster: z.number().int() }))
      .describe('A row for each that was trained on, in their order; empty until the status is SUCCESS.'),
    error: z
      .object({
        code: z.string(),
        type: z.string().nullable(),
        message: z.string(),
        traceback: z.string().nullable(),
      })
      .optional()
      .describe('With FAILURE.'),
  }),
)
export type IrisTrainingView = z.output<typeof irisTrainingSchema>

export const irisPredictBodySchema = named('IrisPredictBody', z.object(measures, notAnObject))

export const irisPredictionSchema = named(
  'IrisPrediction',
  z.object({ predicted_cluster: z.number().int().nullable().describe('Null: nothing was trained yet.') }),
)

const { username, email, password } = registerBodySchema.shape

export const articlesRegisterBodySchema = named(
  'ArticlesRegisterBody',
  z.object(
    {
      username: string().pipe(username),
      email: string()
        .optional()
        .transform((text) => (text === undefined || text === '' ? null : text))
        .pipe(email.unwrap()),
      password: string().pipe(password),
    },
    notAnObject,
  ),
)

export const articlesLoginBodySchema = named(
  'ArticlesLoginBody',
  // No rules here: what cannot be a password is a wrong one.
  z.object({ username: string().max(256), password: string().max(256) }, notAnObject),
)

export const articlesUserSchema = named(
  'ArticlesUser',
  z.object({
    id: z.string().describe('A UUID, where the system of the articles counts.'),
    username: z.string(),
    email: z.string().describe('Empty when it is not known.'),
  }),
)
export type ArticlesUserView = z.output<typeof articlesUserSchema>

export const articlesLoginSchema = named(
  'ArticlesLogin',
  z.object({
    user: articlesUserSchema,
    token: z.string().describe('To be sent as `Authorization: Token …`. Shown this once.'),
  }),
)

export const articlesTokenSchema = named(
  'ArticlesToken',
  z.object({ expiry: z.iso.datetime(), token: z.string() }),
)

/** What these routes answer instead of problem details: `detail`, or the messages of each field. */
export const articlesErrorSchema = named(
  'ArticlesError',
  z.record(z.string(), z.union([z.string(), z.array(z.string())])),
)
export type ArticlesErrorView = z.output<typeof articlesErrorSchema>
