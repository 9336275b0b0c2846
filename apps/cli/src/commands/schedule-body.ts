import type { z } from 'zod'
import type { putScheduleBodySchema } from '@celeriac/contracts'
import { usageFault } from '../cli-fault.ts'

/** Options of `schedules add`. What they mean is for the server to check; here only which of them go together. */
export interface AddFlags {
  readonly cron?: string
  readonly timezone?: string
  readonly every?: string
  readonly solar?: string
  readonly at?: string
  readonly dag?: string
  readonly dagVersion?: number
  readonly task?: string
  readonly args?: string
  readonly kwargs?: string
  readonly queue?: string
  readonly expires?: number
  readonly catchUp?: string
  readonly catchUpLimit?: number
  readonly overlap?: string
  readonly endAt?: string
  readonly disabled?: boolean
}

type Body = z.input<typeof putScheduleBodySchema>

/** The body of the request. Throws a usage fault. */
export function scheduleBody(flags: AddFlags): Body {
  return defined({
    when: whenOf(flags),
    target: targetOf(flags),
    catch_up: flags.catchUp,
    catch_up_limit: flags.catchUpLimit,
    overlap: flags.overlap,
    end_at: flags.endAt,
    enabled: flags.disabled === true ? false : undefined,
  }) as Body
}

function whenOf({ cron, timezone, every, solar, at }: AddFlags): object {
  const [when, ...others] = [
    cron === undefined ? [] : [defined({ cron, timezone })],
    every === undefined ? [] : [{ every }],
    solar === undefined ? [] : [{ solar: { event: solar, ...placeOf(at) } }],
  ].flat()
  if (when === undefined || others.length > 0)
    throw usageFault('say when it is due with one of --cron, --every and --solar')
  if (timezone !== undefined && cron === undefined) throw usageFault('--timezone belongs to --cron')
  if (at !== undefined && solar === undefined) throw usageFault('--at belongs to --solar')
  return when
}

function placeOf(at: string | undefined): { latitude: number; longitude: number } {
  const [latitude = Number.NaN, longitude = Number.NaN, ...more] = (at ?? '').split(',').map(Number)
  if (at !== undefined && more.length === 0 && Number.isFinite(latitude) && Number.isFinite(longitude))
    return { latitude, longitude }
  throw usageFault('--solar needs --at with degrees north and east, such as --at 52.5,13.4')
}

function targetOf({ dag, dagVersion, task, args, kwargs, queue, expires }: AddFlags): object {
  if ((dag === undefined) === (task === undefined))
    throw usageFault('name what to start with --dag or --task')
  if (dag === undefined)
    return defined({
      task,
      args: jsonOf('--args', args),
      kwargs: jsonOf('--kwargs', kwargs),
      queue,
      expires_s: expires,
    })
  for (const [name, value] of Object.entries({ args, kwargs, queue, expires }))
    if (value !== undefined) throw usageFault(`--${name} belongs to --task`)
  return defined({ dag, version: dagVersion })
}

function jsonOf(option: string, text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    throw usageFault(`${option} is not JSON: ${(text ?? '').slice(0, 100)}`)
  }
}

const defined = (fields: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
