import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { ClockWatch, createLogger, createMetrics, createSteadyClock } from '@celeriac/runtime'

function setup() {
  let reading = { wall: 1_700_000_000_000, monotonic: 0, uptime: 0 }
  const lines: string[] = []
  const metrics = createMetrics({ processMetrics: false })
  const watch = new ClockWatch({
    clock: createSteadyClock(() => reading),
    logger: createLogger({ service: 'test', level: 'info', destination: collect(lines) }),
    metrics,
  })
  const pass = (ms: number, setMs = 0): void => {
    reading = {
      wall: reading.wall + ms + setMs,
      monotonic: reading.monotonic + ms,
      uptime: reading.uptime + ms,
    }
  }
  return { watch, pass, lines, metrics }
}

const collect = (lines: string[]): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(String((JSON.parse(chunk.toString()) as { msg: string }).msg))
      done()
    },
  })

test('a clock that was set is told once, and once more when time limits go by it again', () => {
  const { watch, pass, lines } = setup()
  watch.look()
  pass(10, 900)
  watch.look()
  expect(lines).toEqual([])
  pass(10, -60_000)
  watch.look()
  watch.look()
  expect(lines).toEqual(["the machine's clock jumped; time limits go on by the old one"])
  pass(600_000)
  watch.look()
  watch.look()
  expect(lines).toHaveLength(2)
})

test('the offset is exposed in seconds', async () => {
  const { pass, metrics } = setup()
  pass(0, 3_600_000)
  expect(await metrics.expose()).toContain('celeriac_clock_offset_seconds 3600')
})
