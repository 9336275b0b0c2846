import { actorKinds, roles, tokenKinds, tokenScopes } from '@celeriac/core'
import { z } from 'zod'
import {
  flagSchema,
  instantSchema,
  jsonObjectSchema,
  pageQuerySchema,
  pageSchema,
  textSchema,
} from './common.ts'
import { named } from './schema-registry.ts'

export const minPasswordLength = 10
export const maxPasswordLength = 256
/** A token that is made to be kept: a year at most, unless it is said never to expire. */
export const maxTokenDays = 366

const roleSchema = z.enum(roles)
const scopesSchema = z.array(z.enum(tokenScopes))

/** ASCII, so that names that look the same are the same. The case of letters does not count. */
export const usernameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/, {
    message: '1 to 64 letters, digits and . _ @ + - are expected, the first a letter or digit',
  })
  .refine((name) => !z.guid().safeParse(name).success, { message: 'a name must not look like an id' })

const newPasswordSchema = z.string().min(minPasswordLength).max(maxPasswordLength)
/** Whether it is somebody's address only a letter to it would tell: no more than its parts is checked (RFC 5321 4.5.3.1). */
const emailSchema = textSchema(254).regex(
  /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*$/,
  'an e-mail address is expected: name@host',
)

const userFields = {
  username: usernameSchema,
  email: emailSchema.nullable().default(null),
  password: newPasswordSchema.describe('10 to 256 characters.'),
}

export const registerBodySchema = named('RegisterBody', z.strictObject(userFields))

export const loginBodySchema = named(
  'LoginBody',
  // No rules here: what cannot be a password is a wrong one.
  z.strictObject({ username: z.string().max(256), password: z.string().max(maxPasswordLength) }),
)

export const changePasswordBodySchema = named(
  'ChangePasswordBody',
  z
    .strictObject({
      current: z.string().max(maxPasswordLength),
      new: newPasswordSchema.describe('10 to 256 characters.'),
    })
    .refine((change) => change.new !== change.current, {
      path: ['new'],
      message: 'the new password is the current one',
    }),
)

export const createUserBodySchema = named(
  'CreateUserBody',
  z.strictObject({ ...userFields, role: roleSchema.default('viewer') }),
)

export const patchUserBodySchema = named(
  'PatchUserBody',
  z
    .strictObject({
      email: emailSchema.nullable().optional(),
      role: roleSchema.optional(),
      disabled: z.boolean().optional().describe('True ends all logins and tokens of the user.'),
      password: newPasswordSchema.optional().describe('Ends all logins and tokens of the user.'),
    })
    .refine((change) => Object.values(change).some((value) => value !== undefined), {
      message: 'nothing is to be changed',
    }),
)

export const userSchema = named(
  'User',
  z.object({
    id: z.string(),
    username: z.string(),
    email: z.string().nullable(),
    role: roleSchema,
    disabled: z.boolean(),
    created_at: instantSchema,
  }),
)
export type UserView = z.output<typeof userSchema>
export const userPageSchema = pageSchema('UserPage', userSchema)

export const loginSchema = named(
  'Login',
  z.object({
    token: z.string().describe('To be sent as `Authorization: Bearer …`. Shown this once.'),
    token_type: z.literal('bearer'),
    expires_at: instantSchema,
    user: userSchema,
  }),
)
export type LoginView = z.output<typeof loginSchema>

export const tokenSchema = named(
  'Token',
  z.object({
    id: z.string(),
    user_id: z.string().nullable().describe('Null: made with the configured admin token.'),
    kind: z.enum(tokenKinds).describe('session: a login; api: made to be kept.'),
    name: z.string(),
    prefix: z.string().describe('The beginning of the token, to tell it by.'),
    role: roleSchema.describe("It may do no more than this role, and no more than its owner's."),
    scopes: scopesSchema.describe('read: what viewers may; run: what editors may besides; admin: the rest.'),
    created_at: instantSchema,
    expires_at: instantSchema.nullable(),
    last_used_at: instantSchema.nullable().describe('To the minute, about.'),
    revoked_at: instantSchema.nullable(),
  }),
)
export type TokenView = z.output<typeof tokenSchema>
export const tokenPageSchema = pageSchema('TokenPage', tokenSchema)

export const createdTokenSchema = named(
  'CreatedToken',
  z.object({ secret: z.string().describe('The token itself. Shown this once.'), token: tokenSchema }),
)

export const createTokenBodySchema = named(
  'CreateTokenBody',
  z.strictObject({
    name: textSchema(100),
    role: roleSchema.optional().describe("Default: the caller's."),
    scopes: scopesSchema
      .min(1)
      .max(tokenScopes.length)
      .optional()
      .describe('Default: `read` and `run`, as far as the caller has them.'),
    expires_in_days: z
      .number()
      .int()
      .min(1)
      .max(maxTokenDays)
      .nullable()
      .default(90)
      .describe('Null: it does not expire.'),
  }),
)

export const tokensQuerySchema = pageQuerySchema.extend({
  all: flagSchema.default(false).describe('True: of everybody, for admins.'),
})

export const callerSchema = named(
  'Caller',
  z.object({
    kind: z.enum(['configured', ...tokenKinds]).describe('configured: the admin token of the installation.'),
    user: userSchema.nullable(),
    role: roleSchema,
    scopes: scopesSchema,
    token: tokenSchema.nullable(),
  }),
)
export type CallerView = z.output<typeof callerSchema>

export const loggedOutSchema = named(
  'LoggedOut',
  z.object({ revoked: z.number().int().describe('Tokens that were ended.') }),
)

export const auditEntrySchema = named(
  'AuditEntry',
  z.object({
    id: z.string(),
    at: instantSchema,
    actor: z.object({
      kind: z.enum(actorKinds),
      user_id: z.string().nullable(),
      token_id: z.string().nullable(),
      name: z.string(),
    }),
    action: z.string().describe('`run.submit`, `user.update`, `auth.login` …'),
    outcome: z.enum(['ok', 'failed']),
    target: z.string().nullable().describe('Id or name of what it was done to.'),
    address: z.string().nullable().describe('Where the request came from.'),
    details: jsonObjectSchema,
  }),
)
export type AuditEntryView = z.output<typeof auditEntrySchema>
export const auditPageSchema = pageSchema('AuditPage', auditEntrySchema)
