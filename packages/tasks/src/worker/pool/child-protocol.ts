/** What a worker and the child that runs its handlers say to each other: JSON with kombu's tagged values. */
import type { SignatureDict, SignatureOptions } from '../../canvas/signature-dict.ts'
import type { TaskValue } from '../../message/task-value.ts'
import type { ResultTuple } from '../../result/task-meta.ts'
import { decodeJson, encodeJson } from '../../serialization/json.ts'
import type { HandlerOutcome } from '../plain/handler-outcome.ts'
import type { TaskRequest } from '../plain/task-context.ts'

export type ToChild =
  /** First: the modules with the tasks. */
  | { readonly kind: 'load'; readonly modules: readonly string[] }
  | { readonly kind: 'run'; readonly job: number; readonly request: TaskRequest }
  | { readonly kind: 'abort'; readonly job: number }
  | { readonly kind: 'reply'; readonly ask: number; readonly result: ResultTuple | null }
  | { readonly kind: 'refusal'; readonly ask: number; readonly message: string }

export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly message: string }
  | {
      readonly kind: 'end'
      readonly job: number
      readonly outcome: HandlerOutcome
      readonly rssBytes: number
    }
  | { readonly kind: 'ask'; readonly ask: number; readonly job: number; readonly what: ChildRequest }
  | {
      readonly kind: 'log'
      readonly job: number
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly fields: string
      readonly message: string
    }

export type ChildRequest =
  | { readonly kind: 'state'; readonly state: string; readonly meta: TaskValue }
  | { readonly kind: 'apply'; readonly signature: SignatureDict; readonly options: SignatureOptions }
  | { readonly kind: 'add_to_chord'; readonly signature: SignatureDict }

/** @throws AppError BROKER_MESSAGE_UNENCODABLE */
export const encodeFrame = (frame: ToChild | FromChild): string => encodeJson(frame, { nonFinite: 'write' })

export const decodeFrame = <Frame extends ToChild | FromChild>(text: string): Frame =>
  decodeJson(text) as unknown as Frame
