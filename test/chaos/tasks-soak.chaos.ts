import { testAmqpUrl, testRedisUrl } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { runSoak } from '../soak/src/run-soak.ts'
import { verdictOn } from '../soak/src/verdict.ts'

test('2,000 tasks that fail, retry and are revoked, with two workers killed, have one end each and leave nothing', async () => {
  const report = await runSoak({
    amqpUrl: testAmqpUrl(),
    redisUrl: testRedisUrl(),
    tasks: 2_000,
    seed: 20_261_121,
  })
  expect(verdictOn(report), JSON.stringify(report)).toEqual([])
  // The draw is part of the test: every kind of end is among them.
  expect(Object.keys(report.states).sort()).toEqual(['FAILURE', 'REVOKED', 'SUCCESS'])
})
