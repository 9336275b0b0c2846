import { AppError, messageOf, type Executor } from '@celeriac/core'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BaseExecutor, type BaseExecutorOptions } from './base-executor.ts'
import type { ExecutorBehaviour, ExecutorContext } from './behaviour.ts'

/**
 * The named export `createExecutor`, or the default export, of an executor's module. What it gives is a behaviour, or a
 * whole executor for those who need the port itself.
 */
export type ExecutorFactory = (
  context: ExecutorContext,
) => ExecutorBehaviour | Executor | Promise<ExecutorBehaviour | Executor>

const executorMethods = ['start', 'stop', 'run', 'status', 'cancel', 'adopt'] as const

/**
 * Loads an own executor from an ES module; a relative path counts from the working directory. Throws CONFIG_INVALID when
 * the module cannot be loaded, has no factory, or its factory gives neither a behaviour nor an executor.
 */
export async function loadExecutor(
  module: string,
  context: ExecutorContext,
  options: Pick<BaseExecutorOptions, 'logs' | 'graceMs'> = {},
): Promise<Executor> {
  const factory = await factoryOf(module, context.name)
  let made: unknown
  try {
    made = await factory(context)
  } catch (cause) {
    throw faultOf(context.name, module, `the module's factory failed: ${messageOf(cause)}`, cause)
  }
  if (isExecutor(made)) return made
  if (isBehaviour(made))
    return new BaseExecutor({ ...options, name: context.name, behaviour: made, logger: context.logger })
  throw faultOf(context.name, module, "the module's factory gave nothing with a method `execute`")
}

async function factoryOf(module: string, name: string): Promise<ExecutorFactory> {
  const url = module.startsWith('file:') ? module : pathToFileURL(resolve(module)).href
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = (await import(url)) as Readonly<Record<string, unknown>>
  } catch (cause) {
    // Node adds who imported it: this file, which tells nobody anything.
    const reason = messageOf(cause).replace(/ imported from .*$/s, '')
    throw faultOf(name, module, `the module cannot be loaded: ${reason}`, cause)
  }
  const factory = exported['createExecutor'] ?? exported['default']
  if (typeof factory === 'function') return factory as ExecutorFactory
  throw faultOf(
    name,
    module,
    'the module exports no function `createExecutor`, and no function as its default',
  )
}

const hasMethods = (value: unknown, methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === 'function')

const isExecutor = (value: unknown): value is Executor => hasMethods(value, executorMethods)
const isBehaviour = (value: unknown): value is ExecutorBehaviour => hasMethods(value, ['execute'])

const faultOf = (name: string, module: string, message: string, cause?: unknown): AppError =>
  new AppError('CONFIG_INVALID', 'the configuration has faults', {
    details: { problems: [{ setting: 'executor', source: `--executor ${name}=${module}`, message }] },
    cause,
  })
