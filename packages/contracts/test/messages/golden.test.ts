import { expect, test } from 'vitest'
import { decodeEngineMessage, isUnknownVersion } from '../../src/index.ts'
import { commits, decoders, deliveryOf, golden } from './golden-messages.ts'

const later = ['returned', 'runs watched']

test.each(commits)('every decoder that messages of %s need is tried with one', (commit) => {
  const all = Object.keys(decoders)
  expect(Object.keys(golden(commit))).toEqual(
    commit === 'e50da97' ? all : all.filter((name) => !later.includes(name)),
  )
})

test('an event that is not known is refused, and so parked: neither lost nor guessed at', () => {
  const { body, ...properties } = golden('9cd8366')['run.created']!
  const unknown = deliveryOf({ ...properties, body: { ...body, event: 'run.paused' } })
  expect(() => decodeEngineMessage(unknown)).toThrow(
    expect.objectContaining({ code: 'BROKER_MESSAGE_MALFORMED' }),
  )
  expect(() => decodeEngineMessage(unknown)).toThrow(expect.toSatisfy(isUnknownVersion))
})
