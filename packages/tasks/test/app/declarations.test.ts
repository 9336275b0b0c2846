import { expect, test } from 'vitest'
import { z } from 'zod'
import { Celeriac, type CeleriacOptions } from '../../src/index.ts'
import { bindArguments, parametersOf } from '../../src/app/parameters.ts'
import { compileRoutes, globPattern } from '../../src/app/routes.ts'
import { memoryApp } from './memory-app.ts'

test('every fault of the options is told at once, and no value', () => {
  const options = { broker: 'http://u:secret@x', backend: 'mysql://x', defaultQueue: '', resultExpires: -1 }
  const thrown = (() => {
    try {
      return new Celeriac(options)
    } catch (error) {
      return error
    }
  })()
  expect(thrown).toMatchObject({
    code: 'CONFIG_INVALID',
    details: {
      problems: [
        { path: 'broker' },
        { path: 'backend' },
        { path: 'defaultQueue' },
        { path: 'resultExpires' },
      ],
    },
  })
  expect(JSON.stringify(thrown)).not.toContain('secret')
})

test('an option that is not known is a fault', () => {
  const options = { broker: 'amqp://localhost', brokr: 1 } as CeleriacOptions
  expect(() => new Celeriac(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

test.each(['', 'x'.repeat(256), 'celery.chord', 'tasks.taken'])('no task can be named %j', async (name) => {
  const { app } = await memoryApp()
  app.task('tasks.taken', z.tuple([]), () => null)
  expect(() => app.task(name, z.tuple([]), () => null)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
  expect(app.taskNames).toEqual(['tasks.taken'])
})

test('options of a task are checked when it is declared', async () => {
  const { app } = await memoryApp()
  expect(() => app.task('tasks.a', z.tuple([]), () => null, { priority: 256 })).toThrow(
    expect.objectContaining({ details: { problems: [expect.objectContaining({ path: 'priority' })] } }),
  )
})

const named = z.object({ x: z.number(), y: z.number().default(2), z: z.string().optional() })
const titled = z.tuple([z.number().meta({ title: 'x' }), z.number().meta({ title: 'y' }).optional()])

test.each([
  [named, [1], {}, { x: 1 }],
  [named, [1, 5], { z: 'a' }, { x: 1, y: 5, z: 'a' }],
  [named, [], { x: 1 }, { x: 1 }],
  [z.looseObject({ x: z.number() }), [1], { more: true }, { x: 1, more: true }],
  [titled, [1, 2], {}, [1, 2]],
  [titled, [1], { y: 2 }, [1, 2]],
  [titled, [], { y: 2, x: 1 }, [1, 2]],
  [z.tuple([z.number()], z.string()), [1, 'a', 'b'], {}, [1, 'a', 'b']],
  [z.tuple([]), [], {}, []],
])('arguments %#: by position and by name fit the parameters', (schema, args, kwargs, bound) => {
  expect(bindArguments('tasks.f', parametersOf(schema), args, kwargs)).toEqual(bound)
})

test.each([
  [named, [], {}, "f() missing 1 required positional argument: 'x'"],
  [
    z.object({ a: z.number(), b: z.number(), c: z.number() }),
    [],
    {},
    "f() missing 3 required positional arguments: 'a', 'b', and 'c'",
  ],
  [titled, [1], { x: 2 }, "f() got multiple values for argument 'x'"],
  [named, [1, 2, 'a', 4], {}, 'f() takes from 1 to 3 positional arguments but 4 were given'],
  [z.tuple([]), [1], {}, 'f() takes 0 positional arguments but 1 was given'],
  [z.tuple([z.number()]), [1], { arg1: 1 }, "f() got an unexpected keyword argument 'arg1'"],
])('arguments that do not fit are refused in the words of Python: %#', (schema, args, kwargs, text) => {
  expect(() => bindArguments('tasks.f', parametersOf(schema), args, kwargs)).toThrow(new TypeError(text))
})

test('the values of a call are checked before the handler sees them, each problem by the name of its field', async () => {
  const { app } = await memoryApp()
  const task = app.task('tasks.f', titled, ([x, y]) => [x, y])
  expect(() => task.declaration.read(['one', 'two'], {})).toThrow(
    /^the arguments of tasks.f are not valid: x: .+; y: .+$/,
  )
  expect(task.declaration.read([1, 2], {})).toEqual([1, 2])
})

test.each([
  ['*', 'tasks.add', true],
  ['tasks.*', 'tasks.add', true],
  ['tasks.*', 'other.add', false],
  ['t?sks.add', 'tasks.add', true],
  ['task[s-t].add', 'tasks.add', true],
  ['task[!s].add', 'tasks.add', false],
  ['tasks.add', 'tasksXadd', false],
  ['tasks.a(b)+', 'tasks.a(b)+', true],
])('the glob %s fits %s: %s', (glob, name, fits) => {
  expect(globPattern(glob).test(name)).toBe(fits)
})

test('of routes, an exact name goes before patterns, and those go in their order', () => {
  const route = compileRoutes({
    'tasks.*': 'many',
    '*': 'all',
    'tasks.add': { queue: 'one', routingKey: 'k' },
  })
  const to = (task: string) => route({ task, args: [], kwargs: {} })
  expect(to('tasks.add')).toEqual({ queue: 'one', routing_key: 'k' })
  expect(to('tasks.sub')).toEqual({ queue: 'many' })
  expect(to('other')).toEqual({ queue: 'all' })
})

test('routes can be asked in turn: functions and expressions, the first that answers counts', () => {
  const route = compileRoutes([
    ({ kwargs }) => (kwargs['vip'] === true ? 'vip' : null),
    { task: /^shop\./g, to: { queue: 'shop', priority: 3 } },
  ])
  expect(route({ task: 'shop.pay', args: [], kwargs: { vip: true } })).toEqual({ queue: 'vip' })
  for (const _ of [1, 2])
    expect(route({ task: 'shop.pay', args: [], kwargs: {} })).toEqual({ queue: 'shop', priority: 3 })
  expect(route({ task: 'other', args: [], kwargs: {} })).toBeNull()
})
