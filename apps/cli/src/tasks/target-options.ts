import type { RequestOptions } from '@celeriac/tasks'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { withJson } from '../cli.ts'
import { CliFault, usageFault } from '../cli-fault.ts'
import { taskClientConfigSchema } from '../config.ts'
import { withSettings } from '../setting-options.ts'

export interface TargetFlags {
  readonly destination?: readonly string[]
  readonly pattern?: string
  readonly matcher?: 'glob' | 'pcre'
  readonly timeout: number
  readonly limit?: number
  readonly json?: boolean
}

/** Seconds, fractions among them. */
export function secondsOption(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('a number of seconds is expected')
}

export function countOption(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('a whole number above 0 is expected')
}

const nodeList = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
]

/** Options that say which workers are asked, and how long they have to answer. */
export const withTarget = (command: Command): Command =>
  withSettings(withJson(command), taskClientConfigSchema)
    .option('-d, --destination <workers>', 'only these, by node name, separated by commas', nodeList)
    .option('--pattern <pattern>', 'only workers whose node names fit')
    .addOption(
      new Option('--matcher <kind>', 'what the pattern is').choices(['glob', 'pcre']).default('glob'),
    )
    .option('-t, --timeout <seconds>', 'how long to wait for answers', secondsOption, 1)
    .option('--limit <count>', 'answers that are enough', countOption)

/** @throws CliFault for options that exclude each other */
export function requestOptions(flags: TargetFlags, signal: AbortSignal): RequestOptions {
  const { destination, pattern, matcher = 'glob', timeout, limit } = flags
  if (destination !== undefined && pattern !== undefined)
    throw usageFault('workers are named by --destination or by --pattern, not by both')
  return {
    timeout,
    signal,
    ...(destination === undefined ? {} : { destination }),
    ...(pattern === undefined ? {} : { pattern, matcher }),
    ...(limit === undefined ? {} : { limit }),
  }
}

export const nobodyAnswered = (timeout: number): CliFault =>
  new CliFault('unavailable', `no worker answered within ${timeout} s`, {
    hint: 'is the broker that of the workers? busy workers may need a longer --timeout',
  })
