import { z } from 'zod'
import type { SignatureDict, SignatureOptions } from '../canvas/signature-dict.ts'
import type { TaskObject, TaskValue } from './task-value.ts'

/** A JSON-like object: no Date, no bytes, no tagged value, no list. */
export function isTaskObject(value: unknown): value is TaskObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

// What the serializer gave are task values; checking each of them again is most of what a message would cost.
const values = z.custom<readonly TaskValue[]>(Array.isArray, 'a list is expected')
const object = z.custom<TaskObject>(isTaskObject, 'a mapping is expected')

const subtaskTypes = ['chain', 'group', 'chord', 'chunks', 'xmap', 'xstarmap'] as const

/** A signature; further keys are kept. */
const signature: z.ZodType<SignatureDict> = z
  .looseObject({
    task: z.string().min(1),
    args: values.nullish(),
    kwargs: object.nullish(),
    options: object.nullish(),
    subtask_type: z.enum(subtaskTypes).nullish(),
    immutable: z.boolean().nullish(),
  })
  .transform((wire) => ({
    ...wire,
    args: wire.args ?? [],
    kwargs: wire.kwargs ?? {},
    options: (wire.options ?? {}) as SignatureOptions,
    subtask_type: wire.subtask_type ?? null,
    immutable: wire.immutable ?? false,
  }))

const signatures = z.array(signature).nullish()

/** What a body says beside args and kwargs. */
const embedSchema = z.object({
  callbacks: signatures,
  errbacks: signatures,
  chain: signatures,
  chord: signature.nullish(),
})

/** Protocol 2. */
export const bodyV2Schema = z.tuple([values, object.nullable(), embedSchema.nullable()])

/**
 * Whether the schema would give this body back as it is: one that nothing follows. As with headers, so that the schema need
 * not be asked about most messages.
 */
export function isPlainBodyV2(body: unknown): body is z.output<typeof bodyV2Schema> {
  if (!Array.isArray(body) || body.length !== 3) return false
  const [args, kwargs, embed] = body as readonly unknown[]
  return (
    Array.isArray(args) &&
    (kwargs === null || isTaskObject(kwargs)) &&
    (embed === null || (isTaskObject(embed) && isPlainEmbed(embed)))
  )
}

const isPlainEmbed = ({ callbacks, errbacks, chain, chord }: TaskObject): boolean =>
  (callbacks ?? null) === null &&
  (errbacks ?? null) === null &&
  (chain ?? null) === null &&
  (chord ?? null) === null

/** Protocol 1: what has become headers since is in the body. */
export const bodyV1Schema = z.looseObject({
  args: values.nullish(),
  kwargs: object.nullish(),
  callbacks: signatures,
  errbacks: signatures,
  chord: signature.nullish(),
})

export type TaskEmbed = z.output<typeof embedSchema>
