import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deque } from '../src/deque.ts'

test('a deque behaves like an array', () => {
  const step = fc.constantFrom('pushBack', 'pushBack', 'pushFront', 'popFront', 'clear-seldom')
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (program) => {
      const deque = new Deque<number>()
      const model: number[] = []
      program.forEach((operation, index) => {
        switch (operation) {
          case 'pushBack':
            deque.pushBack(index)
            model.push(index)
            break
          case 'pushFront':
            deque.pushFront(index)
            model.unshift(index)
            break
          case 'popFront':
            expect(deque.popFront()).toBe(model.shift())
            break
          case 'clear-seldom':
            if (index % 50 !== 0) break
            deque.clear()
            model.length = 0
        }
        expect(deque.peek()).toBe(model[0])
        expect(deque.size).toBe(model.length)
      })
      expect([...deque]).toEqual(model)
    }),
  )
})
