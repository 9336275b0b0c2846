import type { Delivery, JsonValue, OperatorAttempt, OutgoingMessage } from '@celeriac/core'
import { expect, test } from 'vitest'
import {
  decodeEngineMessage,
  decodeResultMessage,
  decodeTaskMessage,
  decodeWorkerEvent,
  encodeEngineMessage,
  encodeJson,
  encodeProgress,
  encodeReturned,
  encodeStarted,
  encodeTaskMessage,
  encodeWorkerEvent,
  isUnknownVersion,
  messageVersions,
  operatorAttemptOf,
  operatorTaskMessage,
  unknownVersion,
  versionHeader,
} from '../../src/index.ts'

const attempt: OperatorAttempt = {
  attemptId: 'a1',
  runId: 'r1',
  operatorId: 'o',
  attempt: 1,
  algoName: 'algo_local_pass_through',
  params: {},
  inputs: {},
  outputPrefix: 'file:///o',
  artifactRoot: 'file:///',
  datasets: {},
  softTimeLimitS: null,
  timeLimitS: null,
}
const runner = { worker: 'w', startedAt: 1 }
const delivered = (message: OutgoingMessage): Delivery =>
  ({ queue: 'q', redelivered: false, deliveryCount: 0, ...message }) as unknown as Delivery
const withHeader = (message: OutgoingMessage, version: JsonValue): Delivery =>
  delivered({ ...message, headers: { ...message.headers, [versionHeader]: version } })
const thrownBy = (work: () => unknown): unknown => {
  try {
    work()
    return null
  } catch (error) {
    return error
  }
}

const event = encodeEngineMessage({ event: 'run.cancel', run_id: 'r1' }, 'q')
const task = encodeTaskMessage(operatorTaskMessage(attempt, { replyTo: 'q', origin: 's' }), 'q')
const heartbeat = encodeWorkerEvent('e', { type: 'worker-heartbeat', hostname: 'w', timestamp: 0 }, 1_000)
const cases = [
  ['an engine event', event, decodeEngineMessage, messageVersions.event],
  ['an operator task', task, (d) => operatorAttemptOf(decodeTaskMessage(d)), messageVersions.operatorTask],
  ['STARTED', encodeStarted('a1', 'q', runner, true), decodeResultMessage, messageVersions.result],
  [
    'PROGRESS',
    encodeProgress('a1', 'q', runner, { current: 1, total: 2, message: '' }),
    decodeResultMessage,
    messageVersions.result,
  ],
  ['RETURNED', encodeReturned('a1', 'q', runner), decodeResultMessage, messageVersions.result],
] satisfies [string, OutgoingMessage, (delivery: Delivery) => unknown, number][]

test.each<(typeof cases)[number]>(cases)(
  '%s says its version, unless that is 1; the next one is not guessed at, and none at all is the first',
  (_, message, decode, version) => {
    expect(message.headers?.[versionHeader] ?? 1).toBe(version)
    const read = decode(delivered(message))
    const { [versionHeader]: _dropped, ...older } = message.headers ?? {}
    expect(decode(delivered({ ...message, headers: older }))).toEqual(read)
    const refusal = thrownBy(() => decode(withHeader(message, version + 1)))
    expect(refusal).toMatchObject({ code: 'BROKER_MESSAGE_MALFORMED' })
    expect(isUnknownVersion(refusal)).toBe(true)
  },
)

test('a heartbeat of any version is heard as far as it can be read: silence would cost its attempts', () => {
  expect(heartbeat.headers?.[versionHeader] ?? 1).toBe(messageVersions.workerEvent)
  expect(decodeWorkerEvent(withHeader(heartbeat, 99))).toMatchObject({ hostname: 'w' })
})

test('plain tasks have no version of ours', () => {
  const plain = encodeTaskMessage(
    {
      ...operatorTaskMessage(attempt, { replyTo: 'q', origin: 's' }),
      task: 'tasks.add',
      version: undefined,
    },
    'q',
  )
  expect(plain.headers).not.toHaveProperty(versionHeader)
})

test.each<[string, OutgoingMessage, (delivery: Delivery) => unknown]>([
  ['event', { ...event, body: encodeJson({ event: 'run.paused', run_id: 'r' }) }, decodeEngineMessage],
  [
    'state of an attempt',
    { ...event, body: encodeJson({ task_id: 'a1', status: 'PAUSED', result: null }) },
    decodeResultMessage,
  ],
])(
  'an unknown %s is one of a version that is not known; without a name it is malformed',
  (_, message, decode) => {
    expect(isUnknownVersion(thrownBy(() => decode(delivered(message))))).toBe(true)
    const nameless = thrownBy(() =>
      decode(delivered({ ...message, body: encodeJson({ event: 1, status: 1 }) })),
    )
    expect(nameless).toMatchObject({ code: 'BROKER_MESSAGE_MALFORMED' })
    expect(isUnknownVersion(nameless)).toBe(false)
  },
)

test('other errors are not of an unknown version', () => {
  expect(isUnknownVersion(new Error('x'))).toBe(false)
  expect(isUnknownVersion(unknownVersion('x', {}))).toBe(true)
})
