import type { z } from 'zod'
import { TaskError } from '../result/task-errors.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { RegisteredTask, TaskOptions } from '../worker/plain/registered-task.ts'
import type { TaskContext } from '../worker/plain/task-context.ts'
import {
  bindArguments,
  parametersOf,
  type BoundArguments,
  type Parameters,
  type TaskSchema,
} from './parameters.ts'

type ErrorClass = abstract new (...args: never[]) => Error

/** How a task is run, and how it is called unless the call says otherwise. Times are seconds. */
export interface TaskDeclarationOptions extends Omit<TaskOptions, 'retryFor'> {
  /** Errors that are retried without being asked to: their classes, or a test. @default none */
  readonly retryFor?: readonly ErrorClass[] | ((error: unknown) => boolean)
  readonly queue?: string
  readonly priority?: number
  /** `json`, `msgpack` or `yaml`. @default the application's */
  readonly serializer?: string
  readonly compression?: string
  /** From the call on. */
  readonly expires?: number
  /** Calls of this program are checked against the parameters before they are sent. @default true */
  readonly typing?: boolean
  /** Monitors and logs do not see the arguments. @default false */
  readonly sensitive?: boolean
  /** An errback that is called with `(request, exception, traceback)` where the task failed. @default false */
  readonly takesFailure?: boolean
}

/** `args` are those that the schema gave: a list for a tuple, an object for an object. */
export type TaskHandler<Schema extends TaskSchema, Result> = (
  args: z.output<Schema>,
  context: TaskContext,
) => Result | Promise<Result>

/** The arguments have values that the task does not take; the fields are named. */
export class ArgumentsError extends TaskError {
  constructor(task: string, problems: readonly { readonly path: string; readonly message: string }[]) {
    const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
    super([`the arguments of ${task} are not valid: ${text}`], {
      excType: 'ValidationError',
      excModule: 'celeriac.errors',
    })
  }
}

/** A task as this program declares it: the worker runs it, callers are checked against it. */
export class TaskDeclaration<
  Schema extends TaskSchema = TaskSchema,
  Result = unknown,
> implements RegisteredTask {
  readonly name: string
  readonly options: TaskOptions
  readonly declared: TaskDeclarationOptions
  readonly takesFailure: boolean
  readonly #schema: Schema
  readonly #parameters: Parameters
  readonly #handler: TaskHandler<Schema, Result>

  constructor(
    name: string,
    schema: Schema,
    handler: TaskHandler<Schema, Result>,
    declared: TaskDeclarationOptions,
  ) {
    const { retryFor, ...options } = declared
    this.name = name
    this.declared = declared
    this.options = retryFor === undefined ? options : { ...options, retryFor: testOf(retryFor) }
    this.takesFailure = declared.takesFailure ?? false
    this.#schema = schema
    this.#parameters = parametersOf(schema)
    this.#handler = handler
  }

  /** Whether the schema is a tuple. */
  get isPositional(): boolean {
    return this.#parameters.isTuple
  }

  /** @throws TypeError with Python's text when the arguments do not fit the parameters */
  check(args: readonly TaskValue[], kwargs: TaskObject): BoundArguments {
    return bindArguments(this.name, this.#parameters, args, kwargs)
  }

  /** The arguments as the handler gets them. @throws TypeError, ArgumentsError */
  read(args: readonly TaskValue[], kwargs: TaskObject): z.output<Schema> {
    const parsed = this.#schema.safeParse(this.check(args, kwargs))
    if (parsed.success) return parsed.data as z.output<Schema>
    const { named } = this.#parameters
    throw new ArgumentsError(
      this.name,
      parsed.error.issues.map(({ path: [first, ...rest], message }) => ({
        path: [typeof first === 'number' ? (named[first]?.name ?? first) : first, ...rest].join('.'),
        message,
      })),
    )
  }

  run(args: readonly TaskValue[], kwargs: TaskObject, context: TaskContext): Result | Promise<Result> {
    return this.#handler(this.read(args, kwargs), context)
  }
}

const testOf = (retryFor: NonNullable<TaskDeclarationOptions['retryFor']>): ((error: unknown) => boolean) =>
  typeof retryFor === 'function' ? retryFor : (error) => retryFor.some((each) => error instanceof each)
