import { expect, test } from 'vitest'
import type { TaskCall } from '../../../src/message/task-call.ts'
import { derivedIds } from '../../../src/worker/plain/derived-ids.ts'
import { HeldTasks } from '../../../src/worker/plain/held-tasks.ts'
import { keyOf } from '../../../src/worker/plain/received-task.ts'
import type { TaskOptions } from '../../../src/worker/plain/registered-task.ts'
import { aTaskCall, aTaskRoute, delivered } from '../../message/a-task-call.ts'

function setup(options: TaskOptions = {}) {
  const held = new HeldTasks('node@test')
  const acknowledged: string[] = []
  const deliveryOf = (name: string, redelivered = false) => ({
    ...delivered({ ...aTaskRoute(), mandatory: false, body: new Uint8Array() }),
    redelivered,
    ack: () => acknowledged.push(name),
  })
  const task = { name: 'tasks.add', options, run: () => null }
  const hold = (call: TaskCall, name = 'first') => held.hold(deliveryOf(name), call, task)
  return { held, hold, deliveryOf, acknowledged }
}

test('what replaces a task has its id and comes while it still ends: it is no repetition', () => {
  const { held, hold, deliveryOf } = setup({ acksLate: false })
  const call = aTaskCall()
  hold(call).acknowledge('ack')
  const replacement = { ...call, replacedTaskNesting: 1 }
  expect(held.isRepeated(deliveryOf('redelivered', true), call)).toBe(true)
  expect(held.isRepeated(deliveryOf('replacement'), replacement)).toBe(false)
  expect(derivedIds(keyOf(replacement))()).not.toBe(derivedIds(keyOf(call))())
})

test('a second message of a task that is acknowledged late is settled with the first', () => {
  const { held, hold, deliveryOf, acknowledged } = setup()
  const call = aTaskCall()
  const received = hold(call)
  expect(held.isRepeated(deliveryOf('second'), call)).toBe(true)
  received.acknowledge('ack')
  expect(acknowledged).toEqual(['first', 'second'])
})

test('a second message of a task that is acknowledged early is a call of its own, and derives the same ids', () => {
  const { held, hold, deliveryOf } = setup({ acksLate: false })
  const call = aTaskCall()
  const first = hold(call)
  expect(held.isRepeated(deliveryOf('second'), call)).toBe(false)
  const second = hold(call, 'second')
  expect(held.all()).toEqual([first, second])
  expect(derivedIds(first.key)()).toBe(derivedIds(second.key)())
  held.release(first)
  expect(held.all()).toEqual([second])
  held.release(second)
  expect(held.all()).toEqual([])
})

test('tasks start in the order in which they were reserved, however many have started or were withdrawn before', () => {
  const { held, hold } = setup()
  const calls = Array.from({ length: 3_000 }, (_, index) => hold({ ...aTaskCall(), id: `task-${index}` }))
  for (const received of calls) held.reserve(received)
  for (const received of calls.filter((_, index) => index % 3 === 0)) held.withdraw(received)
  expect(held.reserved).toBe(2_000)
  const started: string[] = []
  for (let next = held.next(); next !== null; next = held.next()) started.push(next.call.id)
  expect(started).toEqual(calls.filter((_, index) => index % 3 !== 0).map(({ call }) => call.id))
  expect(held.reserved).toBe(0)
  const late = hold({ ...aTaskCall(), id: 'late' })
  held.reserve(late)
  expect(held.next()).toBe(late)
  expect(held.next()).toBeNull()
})

test('the last 1,024 ends are remembered for redelivered messages, older ones are forgotten', () => {
  const { held, hold, deliveryOf, acknowledged } = setup()
  const callOf = (index: number): TaskCall => ({ ...aTaskCall(), id: `task-${index}` })
  for (let index = 0; index < 1_030; index++) {
    const received = hold(callOf(index))
    held.release(received)
    held.remember(received)
    held.remember(received)
  }
  const isKnown = (index: number): boolean =>
    held.isRepeated(deliveryOf(`again ${index}`, true), callOf(index))
  expect([0, 5, 6, 1_029].map(isKnown)).toEqual([false, false, true, true])
  expect(acknowledged).toEqual(['again 6', 'again 1029'])
})
