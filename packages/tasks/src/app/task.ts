import type { z } from 'zod'
import { Signature } from '../canvas/signature.ts'
import { taskNode } from '../canvas/node.ts'
import type { SignatureOptions } from '../canvas/signature-dict.ts'
import type { TaskObject, TaskValue } from '../message/task-value.ts'
import type { AsyncResult } from './async-result.ts'
import { signatureOptionsOf, type ApplyOptions } from './call-options.ts'
import type { TaskSchema } from './parameters.ts'
import type { TaskDeclaration } from './task-declaration.ts'

/** What `delay` takes: the arguments in order for a tuple, one object for an object. */
export type DelayArguments<Schema extends TaskSchema> = Schema extends z.ZodTuple
  ? z.input<Schema>
  : Record<never, never> extends z.input<Schema>
    ? [kwargs?: z.input<Schema>]
    : [kwargs: z.input<Schema>]

/** What a caller gives by position. The order of an object's keys is unknown to the compiler: it takes any. */
export type PositionalArguments<Schema extends TaskSchema> = Schema extends z.ZodTuple
  ? Readonly<z.input<Schema>>
  : readonly unknown[]

/** The last arguments of a task, the others of which its caller gives. */
export type LastArguments<Schema extends TaskSchema> = Schema extends z.ZodTuple
  ? Suffixes<Readonly<z.input<Schema>>>
  : readonly [kwargs?: Partial<z.input<Schema>>]

type Suffixes<All extends readonly unknown[]> =
  | All
  | (All extends readonly [unknown?, ...infer Rest]
      ? number extends All['length']
        ? never
        : All extends readonly []
          ? never
          : Suffixes<Rest>
      : never)

/** What is still to be given when the last arguments are. */
export type Remaining<Schema extends TaskSchema, Given extends readonly unknown[]> = Schema extends z.ZodTuple
  ? WithoutLast<Readonly<z.input<Schema>>, Given>
  : readonly unknown[]

type WithoutLast<
  All extends readonly unknown[],
  Given extends readonly unknown[],
> = Given['length'] extends All['length']
  ? readonly []
  : All extends readonly [infer First, ...infer Rest]
    ? readonly [First, ...WithoutLast<Rest, Given>]
    : All

/** How a task reaches its application. */
export interface TaskCaller {
  call(node: Signature<never, unknown>, options: SignatureOptions): Promise<AsyncResult>
}

/** A task that this program declares: call it, or compose it. */
export class Task<Schema extends TaskSchema = TaskSchema, Result = unknown> {
  readonly name: string
  readonly declaration: TaskDeclaration<Schema, Result>
  readonly #caller: TaskCaller

  constructor(declaration: TaskDeclaration<Schema, Result>, caller: TaskCaller) {
    this.name = declaration.name
    this.declaration = declaration
    this.#caller = caller
  }

  /**
   * Calls the task; resolves when the broker has the call.
   * @throws TypeError with Python's text when the arguments do not fit the parameters; AppError as `applyAsync`
   */
  delay(...given: DelayArguments<Schema>): Promise<AsyncResult<Result>> {
    return this.applyAsync(this.#argumentsOf(given))
  }

  /** @throws TypeError; AppError BROKER_UNROUTABLE, BROKER_REJECTED, BROKER_UNAVAILABLE, BROKER_MESSAGE_TOO_LARGE, CONFIG_INVALID */
  async applyAsync(call: ApplyOptions = {}): Promise<AsyncResult<Result>> {
    const { args = [], kwargs = {}, ...options } = call
    if (this.declaration.declared.typing !== false) this.declaration.check(args, kwargs)
    const signature = Signature.ofNode<never, Result>(taskNode(this.name, { args, kwargs }))
    return (await this.#caller.call(signature, signatureOptionsOf(options))) as AsyncResult<Result>
  }

  /** A call that is not made yet. What is given here follows what the caller gives: `add.s(4)` in a chain adds 4. */
  s<const Given extends LastArguments<Schema>>(
    ...given: Given
  ): Signature<Remaining<Schema, Given & readonly unknown[]>, Result> {
    return this.signature(this.#argumentsOf(given))
  }

  /** As `s`, with all arguments: nothing is taken from the caller. */
  si(...given: DelayArguments<Schema>): Signature<readonly [], Result> {
    return this.signature<never>(this.#argumentsOf(given)).immutable() as Signature<readonly [], Result>
  }

  /** A call with options that is not made yet. */
  signature<Args extends readonly unknown[] = PositionalArguments<Schema>>(
    call: ApplyOptions = {},
  ): Signature<Args, Result> {
    const { args = [], kwargs = {}, ...options } = call
    return Signature.ofNode(taskNode(this.name, { args, kwargs, options: signatureOptionsOf(options) }))
  }

  #argumentsOf(given: readonly unknown[]): {
    readonly args: readonly TaskValue[]
    readonly kwargs: TaskObject
  } {
    if (this.declaration.isPositional) return { args: withoutTrailing(given), kwargs: {} }
    const [kwargs = {}] = given as readonly [TaskObject?]
    return {
      args: [],
      kwargs: Object.fromEntries(
        Object.entries(kwargs).filter(([, value]) => (value as unknown) !== undefined),
      ),
    }
  }
}

/** What is left out at the end is not sent; elsewhere it is null, as JSON has it. */
function withoutTrailing(given: readonly unknown[]): readonly TaskValue[] {
  const last = given.findLastIndex((value) => value !== undefined)
  return given.slice(0, last + 1).map((value) => (value ?? null) as TaskValue)
}
