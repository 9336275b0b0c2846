import { AppError, type ErrorCode } from '@celeriac/core'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { guardedStream, recheckMs } from '../../src/http/guarded-stream.ts'

/** What a reader gets of five chunks, ten seconds apart, whose right is asked for with this outcome. */
async function read(outcome: ErrorCode | null) {
  const clock = new FakeClock()
  const left: string[] = []
  async function* source(): AsyncGenerator<number> {
    try {
      for (let chunk = 1; chunk <= 5; chunk++) {
        yield chunk
        clock.advance((recheckMs * 2) / 3)
      }
    } finally {
      left.push('left')
    }
  }
  const got: (number | string)[] = []
  let asked = 0
  const pass = async (): Promise<void> => {
    asked += 1
    if (outcome !== null) throw new AppError(outcome, 'refused')
  }
  try {
    for await (const chunk of guardedStream(source(), { pass, clock })) got.push(chunk)
  } catch (error) {
    got.push((error as AppError).code)
  }
  return { got, asked, left }
}

test('who may go on reading is asked for now and then, and gets all of it', async () => {
  expect(await read(null)).toEqual({ got: [1, 2, 3, 4, 5], asked: 2, left: ['left'] })
})

test.each(['AUTH_TOKEN_INVALID', 'AUTH_FORBIDDEN'] as const)('%s ends the stream', async (code) => {
  expect(await read(code)).toEqual({ got: [1, 2, code], asked: 1, left: ['left'] })
})

test('an outage of the database ends no stream', async () => {
  expect(await read('STORE_UNAVAILABLE')).toEqual({ got: [1, 2, 3, 4, 5], asked: 2, left: ['left'] })
})
