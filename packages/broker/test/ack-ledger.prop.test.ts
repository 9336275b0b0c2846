import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AckLedger } from '../src/amqp/ack-ledger.ts'

type Step =
  { readonly kind: 'ack' | 'settle' | 'deliver'; readonly pick: number } | { readonly kind: 'flush' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('ack', 'settle', 'deliver'), pick: fc.nat(1_000) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  ),
  { maxLength: 200 },
) as fc.Arbitrary<Step[]>

/** The broker's side: what is unacked, and frames applied to it as AMQP says. */
class Channel {
  readonly unacked = new Set<number>()

  apply({ upTo, single }: ReturnType<AckLedger['flush']>): number[] {
    const acked: number[] = []
    const take = (tag: number): void => {
      // RabbitMQ closes the channel over a tag that it does not know.
      expect(this.unacked.delete(tag)).toBe(true)
      acked.push(tag)
    }
    if (upTo !== null) {
      expect(this.unacked.has(upTo.tag)).toBe(true)
      if (upTo.isMultiple) for (const tag of [...this.unacked].filter((tag) => tag <= upTo.tag)) take(tag)
      else take(upTo.tag)
    }
    for (const tag of single) take(tag)
    return acked
  }
}

test('acks exactly what the consumer has acked, whatever the order, and each tag once', () => {
  fc.assert(
    fc.property(steps, (program) => {
      const ledger = new AckLedger()
      const channel = new Channel()
      const open: number[] = []
      let pending: number[] = []
      let lastTag = 0
      const flush = (): void => {
        const acked = channel.apply(ledger.flush())
        expect(acked.sort((a, b) => a - b)).toEqual(pending.sort((a, b) => a - b))
        pending = []
      }
      for (const step of program) {
        if (step.kind === 'flush') flush()
        else if (step.kind === 'deliver' || open.length === 0) {
          lastTag++
          ledger.deliver()
          channel.unacked.add(lastTag)
          open.push(lastTag)
        } else {
          const [tag] = open.splice(step.pick % open.length, 1) as [number]
          if (step.kind === 'ack') {
            ledger.ack(tag)
            pending.push(tag)
          } else {
            ledger.settle(tag)
            channel.unacked.delete(tag)
          }
        }
        expect(ledger.open).toBe(open.length)
      }
      flush()
      expect(channel.unacked).toEqual(new Set(open))
    }),
  )
})

test('a run of acks costs one frame', () => {
  const ledger = new AckLedger()
  for (let tag = 1; tag <= 1_000; tag++) ledger.deliver()
  for (let tag = 1_000; tag >= 1; tag--) ledger.ack(tag)
  expect(ledger.flush()).toEqual({ upTo: { tag: 1_000, isMultiple: true }, single: [] })
  expect(ledger.flush()).toEqual({ upTo: null, single: [] })
})

test('what is acked above an open delivery is sent on its own', () => {
  const ledger = new AckLedger()
  for (let tag = 1; tag <= 5; tag++) ledger.deliver()
  for (const tag of [1, 3, 5]) ledger.ack(tag)
  expect(ledger.flush()).toEqual({ upTo: { tag: 1, isMultiple: false }, single: [3, 5] })
  ledger.settle(2)
  ledger.ack(4)
  expect(ledger.flush()).toEqual({ upTo: { tag: 4, isMultiple: false }, single: [] })
  expect(ledger.open).toBe(0)
})
