import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { AppError, messageOf } from '@celeriac/core'
import type { TaskApp } from './task-app.ts'

/** What a module of tasks exports, under any name: an application, which can tell a worker what it needs. */
export interface HasTaskApp {
  forWorker(): TaskApp | Promise<TaskApp>
}

/**
 * Imports modules (paths, relative to the working directory, or names of packages) and gives the one application that they
 * export.
 * @throws AppError CONFIG_INVALID when a module cannot be loaded, or there is no application or more than one
 */
export async function loadTaskApp(modules: readonly string[]): Promise<TaskApp> {
  const found = new Set<HasTaskApp>()
  for (const name of modules) {
    const exported = await load(name)
    for (const value of Object.values(exported)) if (isTaskApp(value)) found.add(value)
  }
  const [only] = found
  if (found.size === 1 && only !== undefined) return only.forWorker()
  throw new AppError('CONFIG_INVALID', 'the modules of tasks must export one application', {
    details: { modules: [...modules], found: found.size },
  })
}

const isTaskApp = (value: unknown): value is HasTaskApp =>
  typeof value === 'object' && value !== null && 'forWorker' in value && typeof value.forWorker === 'function'

async function load(name: string): Promise<Readonly<Record<string, unknown>>> {
  const isPath = name.startsWith('.') || path.isAbsolute(name)
  try {
    return (await import(isPath ? pathToFileURL(path.resolve(name)).href : name)) as Record<string, unknown>
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', 'a module of tasks cannot be loaded', {
      details: { module: name, reason: messageOf(cause) },
      cause,
    })
  }
}
