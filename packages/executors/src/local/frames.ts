import { AppError } from '@celeriac/core'
import { z } from 'zod'

/**
 * The runner protocol, version 1: what the Python parent and its children say, and what they are told.
 * One connection per parent, three per child (control, stdout, stderr); the last two carry raw bytes after their hello.
 */
export const maxFrameBytes = 1_048_576
/** A hello is a few hundred bytes; nobody unauthenticated gets to fill a larger buffer. */
export const maxHelloBytes = 8_192

const v = z.literal(1)
const pid = z.number().int().min(2)

const helloSchema = z.discriminatedUnion('role', [
  z.looseObject({
    v,
    type: z.literal('hello'),
    role: z.literal('parent'),
    token: z.string(),
    pid,
    versions: z.record(z.string(), z.string().nullable()).default({}),
  }),
  z.looseObject({
    v,
    type: z.literal('hello'),
    role: z.enum(['control', 'stdout', 'stderr']),
    token: z.string(),
    child_id: z.string().min(1).max(64),
    pid,
  }),
])
export type HelloFrame = z.output<typeof helloSchema>
export type ChildRole = 'control' | 'stdout' | 'stderr'

const exitedSchema = z.looseObject({
  v,
  type: z.literal('exited'),
  child_id: z.string(),
  pid,
  exit_code: z.number().int().nullable(),
  signal: z.string().nullable(),
})
export type ExitedFrame = z.output<typeof exitedSchema>

const errorSchema = z.looseObject({
  code: z.string(),
  exc_type: z.string().default('Exception'),
  exc_module: z.string().nullish(),
  message: z.string().default(''),
  traceback: z.string().nullish(),
  retryable: z.boolean().optional(),
  details: z.json().optional(),
})
export type ErrorOfChild = z.output<typeof errorSchema>

const readySchema = z.looseObject({ v, type: z.literal('ready') })
const progressSchema = z.looseObject({
  v,
  type: z.literal('progress'),
  delivery_id: z.string(),
  current: z.number().nonnegative(),
  total: z.number().nonnegative(),
  message: z.string().nullish(),
})
const resultSchema = z.discriminatedUnion('status', [
  z.looseObject({
    v,
    type: z.literal('result'),
    delivery_id: z.string(),
    status: z.literal('SUCCESS'),
    /** Checked by whoever asked: an operator's result and a prediction look different. */
    result: z.unknown(),
  }),
  z.looseObject({
    v,
    type: z.literal('result'),
    delivery_id: z.string(),
    status: z.literal('FAILURE'),
    error: errorSchema,
  }),
])
const childFrameSchema = z.union([resultSchema, readySchema, progressSchema])
export type ChildFrame = z.output<typeof childFrameSchema>
export type ProgressFrame = z.output<typeof progressSchema>
export type ResultFrame = z.output<typeof resultSchema>

export const parseHello = (frame: unknown): HelloFrame => parseFrame(helloSchema, frame)
export const parseExited = (frame: unknown): ExitedFrame => parseFrame(exitedSchema, frame)
export const parseChildFrame = (frame: unknown): ChildFrame => parseFrame(childFrameSchema, frame)

/** Throws EXECUTOR_PROTOCOL naming what does not fit. */
function parseFrame<S extends z.ZodType>(schema: S, frame: unknown): z.output<S> {
  const parsed = schema.safeParse(frame)
  if (parsed.success) return parsed.data
  throw new AppError('EXECUTOR_PROTOCOL', 'a frame does not fit its schema', {
    details: {
      problems: parsed.error.issues
        .slice(0, 5)
        .map((issue) => `${issue.path.join('.') || 'frame'}: ${issue.message}`),
    },
  })
}

/** What a child is told to do; `delivery_id` comes back in everything it says about it. */
export type RequestFrame =
  | {
      readonly type: 'run'
      readonly delivery_id: string
      readonly task: object
      readonly soft_time_limit_s: number | null
      readonly memory_limit_bytes: number | null
    }
  | {
      readonly type: 'predict'
      readonly delivery_id: string
      readonly model_uri: string
      readonly rows: readonly unknown[]
      readonly columns: readonly string[] | null
    }
  | {
      readonly type: 'load'
      readonly delivery_id: string
      readonly model_uri: string
      /** Models that leave the process first. */
      readonly unload: readonly string[]
      /** Rows to score once it is there, in batches of one, two and three. */
      readonly warm_up: readonly unknown[]
    }
  | { readonly type: 'unload'; readonly delivery_id: string; readonly unload: readonly string[] }

/** The line by which a child says on stdout and stderr that all output of a delivery was written. */
export const sentinelPrefix = '\0celeriac-end '
