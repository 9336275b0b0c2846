import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAppError } from '@celeriac/core'
import {
  booleanSetting,
  choiceSetting,
  hidePasswords,
  integerSetting,
  listSetting,
  loadConfig,
  optionalSetting,
  pairsSetting,
  readConfigFile,
  setting,
  textSetting,
  urlSetting,
} from '@celeriac/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const schema = {
  httpPort: setting({
    type: integerSetting({ min: 0, max: 65_535 }),
    env: 'CELERIAC_HTTP_PORT',
    default: 8_780,
    description: 'Port of the HTTP server; 0 takes a free one.',
  }),
  amqpUrl: optionalSetting({
    type: urlSetting(['amqp', 'amqps']),
    env: 'CELERIAC_AMQP_URL',
    description: 'RabbitMQ; without it the broker is in memory.',
  }),
  apiToken: optionalSetting({
    type: textSetting(),
    env: 'CELERIAC_API_TOKEN',
    secret: true,
    description: 'The admin token.',
  }),
}

const faultsOf = (load: () => unknown): unknown => {
  try {
    load()
  } catch (error) {
    if (isAppError(error) && error.code === 'CONFIG_INVALID') return error.details.problems
  }
  throw new Error('no CONFIG_INVALID was thrown')
}

describe('precedence', () => {
  const flags = { httpPort: '1' }
  const env = { CELERIAC_HTTP_PORT: '2' }
  const file = { http_port: 3 }

  test.each([
    [{ flags, env, file }, 1, 'flag'],
    [{ env, file }, 2, 'environment'],
    [{ file }, 3, 'file'],
    [{}, 8_780, 'default'],
    [{ flags: { httpPort: undefined }, env: { CELERIAC_HTTP_PORT: '' } }, 8_780, 'default'],
  ] as const)('%j gives %d (%s)', (sources, expected, origin) => {
    const { config, origins } = loadConfig(schema, sources)
    expect(config.httpPort).toBe(expected)
    expect(origins.httpPort).toBe(origin)
  })

  test('an optional setting that nobody gives is null', () => {
    expect(loadConfig(schema, {}).config.amqpUrl).toBeNull()
  })
})

describe('faults', () => {
  test('all of them are reported at once, with their place', () => {
    const required = {
      ...schema,
      name: setting({ type: textSetting(), env: 'CELERIAC_WORKER_NAME', description: 'Name of the worker.' }),
    }
    const load = () =>
      loadConfig(required, {
        flags: { httpPort: 'eighty' },
        env: { CELERIAC_AMQP_URL: 'http://guest:secret@rabbit' },
        file: { http_prt: 1 },
      })
    expect(faultsOf(load)).toEqual([
      {
        setting: 'http_prt',
        source: 'http_prt (file)',
        message: 'is not a setting; did you mean http_port?',
      },
      { setting: 'httpPort', source: '--http-port', message: 'must be a whole number; got "eighty"' },
      {
        setting: 'amqpUrl',
        source: 'CELERIAC_AMQP_URL',
        message: 'must be a URL that starts with amqp:// or amqps://; got "http://guest:***@rabbit"',
      },
      { setting: 'name', source: 'CELERIAC_WORKER_NAME', message: 'is required: Name of the worker.' },
    ])
  })

  test('the value of a secret is not repeated', () => {
    const short = {
      token: setting({
        type: choiceSetting(['a']),
        env: 'CELERIAC_API_TOKEN',
        secret: true,
        description: 'The admin token.',
      }),
    }
    const load = () => loadConfig(short, { env: { CELERIAC_API_TOKEN: 'tell-nobody' } })
    expect(JSON.stringify(faultsOf(load))).not.toContain('tell-nobody')
  })

  test('ports out of range are refused', () => {
    expect(faultsOf(() => loadConfig(schema, { flags: { httpPort: 70_000 } }))).toHaveLength(1)
  })
})

describe('warnings', () => {
  test('an unknown CELERIAC_ variable is warned about, with the nearest name', () => {
    const { warnings } = loadConfig(schema, {
      env: { CELERIAC_HTP_PORT: '1', CELERIAC_DATABASE_URL: 'x', PATH: '/bin' },
    })
    expect(warnings).toEqual(['CELERIAC_HTP_PORT is not a setting; did you mean CELERIAC_HTTP_PORT?'])
  })
})

test('the printable configuration hides secrets and passwords', () => {
  const { printable } = loadConfig(schema, {
    env: { CELERIAC_AMQP_URL: 'amqp://guest:p%40ss@rabbit:5672/v', CELERIAC_API_TOKEN: 'abc' },
  })
  expect(printable).toEqual({
    http_port: 8_780,
    amqp_url: 'amqp://guest:***@rabbit:5672/v',
    api_token: '***',
  })
})

describe('types of settings', () => {
  test.each([
    [booleanSetting(), 'yes', true],
    [booleanSetting(), '0', false],
    [booleanSetting(), false, false],
    [listSetting(), 'local, dc,', ['local', 'dc']],
    [listSetting(), ['local'], ['local']],
    [pairsSetting(), 'gpu=./gpu.js, slow = /opt/a=b.js', { gpu: './gpu.js', slow: '/opt/a=b.js' }],
    [pairsSetting(), ['gpu=./a,b.js', 'slow=./c.js'], { gpu: './a,b.js', slow: './c.js' }],
    [pairsSetting(), { gpu: './gpu.js' }, { gpu: './gpu.js' }],
    [choiceSetting(['info', 'debug']), 'debug', 'debug'],
    [integerSetting({ min: 1, max: 9 }), ' 7 ', 7],
    [textSetting(), ' a ', 'a'],
  ])('case %#: %j is read', (type, value, expected) => {
    expect(type.parse(value)).toEqual(expected)
  })

  test.each([
    [booleanSetting(), 'perhaps'],
    [integerSetting({ min: 1, max: 9 }), '7.5'],
    [integerSetting({ min: 1, max: 9 }), '0'],
    [textSetting(), '  '],
    [urlSetting(['amqp']), 'rabbit:5672'],
    [listSetting(), 7],
    [pairsSetting(), 'gpu'],
    [pairsSetting(), '=./gpu.js'],
    [pairsSetting(), ['gpu=']],
    [pairsSetting(), [7]],
  ])('case %#: %j is refused', (type, value) => {
    expect(type.safeParse(value).success).toBe(false)
  })
})

test('passwords are hidden in every URL of a text', () => {
  expect(hidePasswords('connect amqp://u:pw@h/x or postgres://:pw@h; see http://h/a:b@c')).toBe(
    'connect amqp://u:***@h/x or postgres://:***@h; see http://h/a:b@c',
  )
})

describe('the configuration file', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'celeriac-config-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  test('is one JSON object', async () => {
    await writeFile(join(directory, 'good.json'), '{"http_port": 1}')
    expect(await readConfigFile(join(directory, 'good.json'))).toEqual({ http_port: 1 })
  })

  test.each([
    ['missing.json', null],
    ['list.json', '[1]'],
    ['broken.json', '{'],
  ])('%s is refused', async (name, content) => {
    if (content !== null) await writeFile(join(directory, name), content)
    await expect(readConfigFile(join(directory, name))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
