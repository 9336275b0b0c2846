import { partitionOf } from '@celeriac/core'
import { silentLogger } from '@celeriac/runtime'
import { FakeClock } from '@celeriac/testkit'
import { expect, test } from 'vitest'
import { SetAside } from '../../src/engine/set-aside.ts'

test('a run that is set aside is tried every minute, and mended when it does not come back', () => {
  const clock = new FakeClock()
  const aside = new SetAside({ clock, logger: silentLogger() })
  aside.add('r', new Error('corrupt'))
  expect(aside.has('r')).toBe(true)
  expect(aside.concerns(partitionOf('r'))).toBe(true)
  expect(aside.takeDue()).toEqual([])
  clock.advance(60_000)
  expect(aside.takeDue()).toEqual(['r'])
  expect([aside.has('r'), aside.isTried('r'), aside.size]).toEqual([false, true, 0])
  expect(aside.takeDue()).toEqual([])
  aside.add('r', 'still corrupt')
  expect([aside.has('r'), aside.size]).toEqual([true, 1])
  clock.advance(60_000)
  expect(aside.takeDue()).toEqual(['r'])
  clock.advance(60_000)
  expect(aside.takeDue()).toEqual([])
  expect(aside.concerns(partitionOf('r'))).toBe(false)
})

test('what is set aside goes with its partition', () => {
  const aside = new SetAside({ clock: new FakeClock(), logger: silentLogger() })
  aside.add('r', new Error('corrupt'))
  aside.forget((partitionOf('r') + 1) % 8)
  expect(aside.has('r')).toBe(true)
  aside.forget(partitionOf('r'))
  expect(aside.has('r')).toBe(false)
})
