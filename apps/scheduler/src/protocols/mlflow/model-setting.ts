import { z } from 'zod'
import type { ModelAddress } from '../v2/infer.ts'

const pattern = /^([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:\/([1-9]\d{0,8})|@([^\s/@]{1,100}))?$/

/** Type of the setting that names a model: `name`, `name/3` or `name@champion`. */
export const modelSetting = (): z.ZodType<string> =>
  z.string().trim().regex(pattern, { error: 'must be name, name/version or name@alias' })

/** Which model a setting of that type means. */
export function parseModelSetting(text: string): ModelAddress {
  const [, name = text, version, alias] = pattern.exec(text.trim()) ?? []
  return {
    name,
    ...(version === undefined ? {} : { version: Number(version) }),
    ...(alias === undefined ? {} : { alias }),
  }
}
