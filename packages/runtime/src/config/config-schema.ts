import type { z } from 'zod'

/** One setting of a service. */
export interface Setting<T> {
  readonly type: z.ZodType<T>
  /** Environment variable; the key of the configuration file is its lower-case rest: `CELERIAC_AMQP_URL` → `amqp_url`. */
  readonly env: `CELERIAC_${string}`
  /** Used when no source gives a value; without it the setting is required. */
  readonly default?: NoInfer<T>
  /** Never printed. Passwords inside of URLs are hidden without it. */
  readonly secret?: boolean
  readonly description: string
}

/** Settings by name; the name is also the key of the flags (`--amqp-url` → `amqpUrl`, as commander gives them). */
export type ConfigSchema = Readonly<Record<string, Setting<unknown>>>

export type ConfigOf<S extends ConfigSchema> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never
}

/** A setting, with its type inferred. */
export const setting = <T>(definition: Setting<T>): Setting<T> => definition

/** A setting that may be absent: its value is then null. */
export const optionalSetting = <T>(definition: Omit<Setting<T>, 'default'>): Setting<T | null> => ({
  ...definition,
  type: (definition.type as z.ZodType<T>).nullable(),
  default: null,
})

export const fileKeyOf = (definition: Setting<unknown>): string =>
  definition.env.slice('CELERIAC_'.length).toLowerCase()

export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
