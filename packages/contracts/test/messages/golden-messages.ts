import { readFileSync } from 'node:fs'
import type { Delivery, JsonObject } from '@celeriac/core'
import {
  decodeControlMessage,
  decodeEngineMessage,
  decodeResultMessage,
  decodeRunsWatched,
  decodeTaskMessage,
  decodeWorkerEvent,
  encodeJson,
  operatorAttemptOf,
} from '../../src/index.ts'

/** Messages as earlier versions wrote them, by commit: what lies in the queues while an installation is upgraded. */
export const commits = ['9cd8366', '9afefee', 'e50da97'] as const
export type GoldenMessage = JsonObject & { readonly body: JsonObject }

export const golden = (commit: string): Readonly<Record<string, GoldenMessage>> =>
  JSON.parse(readFileSync(new URL(`golden/${commit}.json`, import.meta.url), 'utf8')) as Record<
    string,
    GoldenMessage
  >

export const deliveryOf = ({ body, ...properties }: GoldenMessage): Delivery =>
  ({ queue: 'q', redelivered: false, ...properties, body: encodeJson(body) }) as unknown as Delivery

export const decoders: Readonly<Record<string, (delivery: Delivery) => unknown>> = {
  'run.created': decodeEngineMessage,
  'run.cancel': decodeEngineMessage,
  'run.rerun': decodeEngineMessage,
  'partition.probe': decodeEngineMessage,
  started: decodeResultMessage,
  progress: decodeResultMessage,
  succeeded: decodeResultMessage,
  failed: decodeResultMessage,
  revoked: decodeResultMessage,
  'operator task': (delivery) => operatorAttemptOf(decodeTaskMessage(delivery)),
  'worker heartbeat': decodeWorkerEvent,
  revoke: decodeControlMessage,
  // These came with e50da97.
  returned: decodeResultMessage,
  'runs watched': decodeRunsWatched,
}
