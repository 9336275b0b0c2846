/**
 * Signatures of messages with a shared key (HMAC-SHA256), against senders who may publish to the broker but are not
 * ours. What is signed is what decides about the execution: the task, its ids, its times and limits, where its answer
 * goes, and the body as it is transmitted, so that nothing is decompressed or parsed before it is verified.
 *
 * Wire form: the header `celeriac-signature` is `1.<key id>.<base64url of the MAC>`. The MAC covers, each as a netstring
 * (`<bytes>:<text>,`; `-,` where there is none): `celeriac-signature-1`, the key id, content type, content encoding, the
 * headers `compression`, `task`, `id`, `root_id`, `parent_id`, `group`, `group_index`, `retries`, `eta`, `expires`,
 * `ignore_result`, `replaced_task_nesting`, both of `timelimit` in whole milliseconds, the property `reply_to`, and the
 * body. The Python side is `celeriac.signing` in packages/operators.
 *
 * Not signed: the queue, the priority, headers of the user and stamps. A message that was seen can be sent again.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError, type JsonValue, type MessageProperties } from '@celeriac/core'

export interface SigningKey {
  /** Names the key in messages; letters, digits, `-` and `_`. */
  readonly id: string
  /** At least 32 characters. */
  readonly secret: string
}

export interface MessageSigner {
  /** The value of the header {@link signatureHeader}, by the first key. */
  sign(message: SignedMessage): string
  /** @throws AppError BROKER_SIGNATURE_INVALID when there is no signature or none by a key that is known */
  verify(message: SignedMessage): void
}

export type SignedMessage = Pick<
  MessageProperties,
  'contentType' | 'contentEncoding' | 'replyTo' | 'headers'
> & { readonly body: Uint8Array }

export const signatureHeader = 'celeriac-signature'

const signedHeaders = [
  'compression',
  'task',
  'id',
  'root_id',
  'parent_id',
  'group',
  'group_index',
  'retries',
  'eta',
  'expires',
  'ignore_result',
  'replaced_task_nesting',
] as const

/**
 * The first key signs, all of them verify: a new key is added last everywhere, then moved to the front everywhere, then
 * the old one is removed. @throws AppError CONFIG_INVALID
 */
export function createSigner(keys: readonly SigningKey[]): MessageSigner {
  const problems = keyProblems(keys)
  const [first] = keys
  if (problems.length > 0 || first === undefined)
    throw new AppError('CONFIG_INVALID', 'the signing keys have faults', { details: { problems } })
  return {
    sign: (message) => `1.${first.id}.${macOf(message, first).toString('base64url')}`,
    verify(message) {
      const value = message.headers?.[signatureHeader]
      if (typeof value !== 'string') throw refused('the message is not signed', message)
      const [version, keyId, mac = ''] = value.split('.')
      const key = keys.find(({ id }) => id === keyId)
      if (version !== '1' || key === undefined)
        throw refused('the message is signed with an unknown key', message)
      const expected = macOf(message, key)
      const given = Buffer.from(mac, 'base64url')
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw refused('the signature does not fit the message', message)
    },
  }
}

const minSecretLength = 32

function keyProblems(keys: readonly SigningKey[]): string[] {
  if (keys.length === 0) return ['there is no key']
  return keys.flatMap(({ id, secret }, index) => [
    ...(/^[\w-]{1,64}$/.test(id) ? [] : [`key ${index + 1}: the id is not made of letters, digits, - and _`]),
    ...(secret.length >= minSecretLength ? [] : [`key ${index + 1}: the secret has less than 32 characters`]),
    ...(keys.findIndex((other) => other.id === id) === index
      ? []
      : [`key ${index + 1}: the id is there twice`]),
  ])
}

function macOf(
  { contentType, contentEncoding, replyTo, headers = {}, body }: SignedMessage,
  key: SigningKey,
): Buffer {
  const mac = createHmac('sha256', key.secret)
  const timelimit = Array.isArray(headers['timelimit']) ? (headers['timelimit'] as readonly JsonValue[]) : []
  const texts = [
    'celeriac-signature-1',
    key.id,
    contentType,
    contentEncoding,
    ...signedHeaders.map((name) => canonical(headers[name])),
    milliseconds(timelimit[0]),
    milliseconds(timelimit[1]),
    replyTo === '' ? undefined : replyTo,
  ]
  for (const text of texts) mac.update(netstring(text))
  return mac.update(`${body.byteLength}:`).update(body).update(',').digest()
}

const netstring = (text: string | undefined): string =>
  text === undefined ? '-,' : `${Buffer.byteLength(text)}:${text},`

/** Numbers in these headers are integers. */
const canonical = (value: JsonValue | undefined): string | undefined =>
  value === undefined || value === null ? undefined : String(value as string | number | boolean)

const milliseconds = (seconds: JsonValue | undefined): string | undefined =>
  typeof seconds === 'number' ? String(Math.floor(seconds * 1_000 + 0.5)) : undefined

const refused = (message: string, { headers = {} }: SignedMessage): AppError =>
  new AppError('BROKER_SIGNATURE_INVALID', message, {
    details: { task: headers['task'] ?? null, id: headers['id'] ?? null },
  })
