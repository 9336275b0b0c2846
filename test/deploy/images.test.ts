import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/processes.ts'
import { dockerfiles, isSystemStep, readDockerfile } from './dockerfile.ts'

/** The commands of the README's section "In production" that build: its first block of shell commands. */
function readmeCommands(): readonly string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const section = /^## In production$(.*?)^## /ms.exec(readme)?.[1] ?? ''
  const block = /```sh\n(.*?)```/s.exec(section)?.[1] ?? ''
  const lines = block.split('\n').map((line) => line.replace(/ +#.*$/, '').trim())
  return lines.filter((line) => line !== '')
}

const buildCommands = (name: (typeof dockerfiles)[number]): readonly string[] =>
  readDockerfile(name).flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'run' && !isSystemStep(step) ? [step.command] : [])),
  )

test('the images are built with exactly the commands of the README, those of Python in the worker only', () => {
  const commands = readmeCommands()
  const isPython = (command: string): boolean => /python3|pip/.test(command)
  expect(commands.length).toBeGreaterThan(0)
  expect(buildCommands('scheduler')).toEqual(commands.filter((command) => !isPython(command)))
  expect(buildCommands('worker').toSorted()).toEqual(commands.toSorted())
})

test('both images contain the same build of the JavaScript', () => {
  const [scheduler, worker] = dockerfiles.map((name) =>
    readDockerfile(name).find((stage) => stage.name === 'build'),
  )
  expect(worker).toEqual(scheduler)
})

test.each(dockerfiles)(
  'the %s image runs without root, says whether it is ready and ends on SIGTERM',
  (name) => {
    const { steps } = readDockerfile(name).at(-1)!
    const keywords = steps.map((step) => (step.kind === 'other' ? step.keyword : step.kind))
    expect(steps).toContainEqual({ kind: 'user', user: '1000' })
    expect(steps).toContainEqual({ kind: 'healthcheck', words: ['node', 'deploy/docker/ready.mjs'] })
    expect(steps).toContainEqual({ kind: 'other', keyword: 'STOPSIGNAL', text: 'SIGTERM' })
    expect(keywords).toContain('LABEL')
    // Whatever is set up after USER would belong to the wrong user.
    const afterUser = keywords.slice(keywords.indexOf('user') + 1)
    expect(afterUser).not.toContain('run')
    expect(afterUser).not.toContain('copy')
  },
)
