/** `npm run soak:tasks [-- --tasks 200000] [--seed N]`: see run-soak.ts. Prints its report as one JSON line. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runSoak } from './run-soak.ts'
import { verdictOn } from './verdict.ts'

const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '200000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? randomInt(1, 1_000_000))
const tasks = Number(values.tasks)
if (!Number.isInteger(tasks) || tasks < 100 || !Number.isInteger(seed)) {
  process.stderr.write('--tasks takes a number from 100 on, --seed an integer\n')
  process.exit(2)
}
process.stderr.write(`${tasks} tasks, seed ${seed}\n`)
const isTerminal = process.stderr.isTTY
const report = await runSoak({
  amqpUrl: process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672',
  redisUrl: process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  tasks,
  seed,
  onProgress: (text) => process.stderr.write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`),
})
if (isTerminal) process.stderr.write('\n')
process.stdout.write(`${JSON.stringify({ soak: 'tasks', at: new Date().toISOString(), ...report })}\n`)
const against = verdictOn(report)
for (const reason of against) process.stderr.write(`${reason}\n`)
process.stderr.write(against.length === 0 ? 'the soak has passed\n' : 'the soak has FAILED\n')
process.exit(against.length === 0 ? 0 : 1)
