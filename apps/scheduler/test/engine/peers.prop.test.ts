import { partitionCount } from '@celeriac/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SchedulerPeers, surplusPartition } from '../../src/engine/peers.ts'

test('from any spread, handing over one partition at a time ends in an even one and then stops', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.nat(), { minLength: partitionCount, maxLength: partitionCount }),
      (schedulers, owners) => {
        const owned = Array.from({ length: schedulers }, () => [] as number[])
        owners.forEach((owner, partition) => owned[owner % schedulers]!.push(partition))
        for (let round = 0; round < 100; round++) {
          const giver = owned.findIndex((mine, index) => {
            const peers = owned.filter((_, other) => other !== index).map((each) => each.length)
            return surplusPartition(mine, peers) !== null
          })
          if (giver === -1) break
          const partition = owned[giver]!.pop()!
          // RabbitMQ's choice is not ours; here it goes to the one that owns least.
          owned.toSorted((a, b) => a.length - b.length)[0]!.push(partition)
        }
        const counts = owned.map((mine) => mine.length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      },
    ),
  )
})

test('a lone scheduler keeps everything', () => {
  expect(surplusPartition([0, 1, 2, 3, 4, 5, 6, 7], [])).toBeNull()
})

test('a peer that stays silent is forgotten, and a scheduler does not count itself', () => {
  const peers = new SchedulerPeers('me')
  peers.seen({ name: 'me', partitions: [1] }, 0)
  peers.seen({ name: 'you', partitions: [2, 3] }, 0)
  expect(peers.live(1_000)).toEqual([2])
  expect(peers.live(10_000)).toEqual([])
})
