import { readFile } from 'node:fs/promises'
import { AppError, type JsonObject, messageOf } from '@celeriac/core'

/**
 * The content of a configuration file: one JSON object, keys as `amqp_url`.
 * Throws CONFIG_INVALID when the file cannot be read or holds something else.
 */
export async function readConfigFile(path: string): Promise<JsonObject> {
  const problem = (message: string, cause?: unknown): AppError =>
    new AppError('CONFIG_INVALID', 'the configuration file cannot be used', {
      details: { problems: [{ setting: 'config', source: path, message }] },
      cause,
    })
  let content: unknown
  try {
    content = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw problem(messageOf(cause), cause)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw problem('must hold one JSON object')
  }
  return content as JsonObject
}
