import { afterAll, beforeAll, expect, test } from 'vitest'
import { Takeovers } from './takeovers.ts'

let takeovers: Takeovers

beforeAll(async () => {
  takeovers = await Takeovers.start()
})
afterAll(() => takeovers?.fleet.destroy())

test.each(['killed', 'frozen', 'cut_off_broker'] as const)(
  'what a worker ran that is %s runs elsewhere, and ends also when the first one comes back',
  async (departure) => {
    await takeovers.ofWorker(departure)
  },
)

test.each(['killed', 'frozen', 'cut_off_broker', 'cut_off_database'] as const)(
  'runs of a scheduler that is %s go on under another one, and end also when the first one comes back',
  async (departure) => {
    await takeovers.ofScheduler(departure)
  },
)

test('after all of it every run has ended right, every operator has taken effect once, and nothing is left behind', async () => {
  expect((await takeovers.prove()).violations).toEqual([])
})
