import {
  defaultRetryPolicy,
  defaultTriggerRule,
  type RetryPolicy,
  type TriggerRule,
  triggerRules,
} from '@celeriac/core'
import { z } from 'zod'
import { checkKeys, retryKeys } from '../document-keys.ts'
import type { DocumentPath } from '../document-path.ts'
import { parseDurationMs } from '../duration.ts'
import type { ProblemList } from '../problem-list.ts'
import { checkSchema } from '../schema-problems.ts'
import type { YamlMapping } from '../yaml/yaml-tree.ts'

const day = 86_400_000
const durationForm = 'must be a duration: seconds, or a text such as "10s", "5m" or "1h30m"'

const duration = (range: { readonly minMs: number; readonly maxMs: number; readonly text: string }) =>
  z.unknown().transform((value, context) => {
    const ms = parseDurationMs(value)
    if (ms !== null && ms >= range.minMs && ms <= range.maxMs) return ms
    context.issues.push({ code: 'custom', message: ms === null ? durationForm : range.text, input: value })
    return z.NEVER
  })

const backoff = duration({ minMs: 0, maxMs: 7 * day, text: 'must be at most 7 days' })

const retriesSchema = z
  .looseObject({
    max: z.int().min(0).max(1_000),
    backoff: backoff.nullish(),
    backoff_max: backoff.nullish(),
    jitter: z.boolean().nullish(),
  })
  .refine((retries) => (retries.backoff ?? 0) <= (retries.backoff_max ?? Infinity), {
    path: ['backoff_max'],
    error: 'must not be less than backoff',
  })

const settingsSchema = {
  retries: retriesSchema,
  timeout: duration({ minMs: 1, maxMs: 365 * day, text: 'must be more than 0 and at most 365 days' }),
  trigger_rule: z.enum(triggerRules),
  executor: z.string(),
} as const

export interface OperatorSettings {
  readonly executor: string | null
  readonly retry: RetryPolicy
  readonly timeoutMs: number | null
  readonly triggerRule: TriggerRule
}

/** Reads what an operator says about how it is run. Null counts as absent; faults are reported and give defaults. */
export function readOperatorSettings(
  details: YamlMapping,
  path: DocumentPath,
  problems: ProblemList,
): OperatorSettings {
  const read = <K extends keyof typeof settingsSchema>(key: K) => {
    const node = details.entries.get(key)?.node
    if (node === undefined || node.value === null) return null
    if (key === 'retries' && node.kind === 'mapping') checkKeys(node, [...path, key], retryKeys, problems)
    return checkSchema(settingsSchema[key], node.value, [...path, key], problems) as z.output<
      (typeof settingsSchema)[K]
    > | null
  }
  return {
    executor: read('executor'),
    retry: retryPolicyOf(read('retries')),
    timeoutMs: read('timeout'),
    triggerRule: read('trigger_rule') ?? defaultTriggerRule,
  }
}

function retryPolicyOf(retries: z.output<typeof retriesSchema> | null): RetryPolicy {
  if (retries === null) return defaultRetryPolicy
  const backoffMs = retries.backoff ?? Math.min(defaultRetryPolicy.backoffMs, retries.backoff_max ?? Infinity)
  return {
    max: retries.max,
    backoffMs,
    backoffMaxMs: retries.backoff_max ?? Math.max(defaultRetryPolicy.backoffMaxMs, backoffMs),
    jitter: retries.jitter ?? defaultRetryPolicy.jitter,
  }
}
