import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Copy, DockerfileParser, Entrypoint, Env, From, Cmd, Run, User, Workdir } from 'dockerfile-ast'
import type { JSONInstruction, Property } from 'dockerfile-ast'
import { root } from '../support/processes.ts'

/** One instruction, as the tests need it. */
export type Step =
  | { readonly kind: 'run'; readonly command: string }
  | {
      readonly kind: 'copy'
      readonly from: string | null
      readonly sources: readonly string[]
      readonly target: string
    }
  | { readonly kind: 'env'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'entrypoint' | 'cmd'; readonly words: readonly string[] }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'healthcheck'; readonly words: readonly string[] }
  | { readonly kind: 'other'; readonly keyword: string; readonly text: string }

export interface Stage {
  /** Null for the last one, which is the image. */
  readonly name: string | null
  /** An earlier stage or an image. */
  readonly base: string
  readonly steps: readonly Step[]
}

export const dockerfiles = ['scheduler', 'worker'] as const

/** The stages of `deploy/docker/<name>.Dockerfile`. */
export function readDockerfile(name: (typeof dockerfiles)[number]): readonly Stage[] {
  const text = readFileSync(join(root, 'deploy', 'docker', `${name}.Dockerfile`), 'utf8')
  const stages: { name: string | null; base: string; steps: Step[] }[] = []
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction instanceof From)
      stages.push({ name: instruction.getBuildStage(), base: instruction.getImage() ?? '', steps: [] })
    else stages.at(-1)?.steps.push(stepOf(instruction))
  }
  return stages
}

function stepOf(
  instruction: ReturnType<ReturnType<typeof DockerfileParser.parse>['getInstructions']>[number],
): Step {
  const words = instruction.getArguments().map((argument) => argument.getValue())
  const text = words.join(' ')
  // A cache mount makes a build faster and changes nothing else.
  if (instruction instanceof Run) return { kind: 'run', command: text.replace(/^(--mount=\S+ )+/, '') }
  if (instruction instanceof Copy) {
    const paths = words.filter((word) => !word.startsWith('--'))
    const from = instruction.getFromFlag()?.getValue() ?? null
    return { kind: 'copy', from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' }
  }
  if (instruction instanceof Env) {
    const properties = instruction
      .getProperties()
      .map((each: Property) => [each.getName(), each.getValue() ?? ''])
    return { kind: 'env', values: Object.fromEntries(properties) as Record<string, string> }
  }
  if (instruction instanceof Workdir) return { kind: 'workdir', path: text }
  if (instruction instanceof User) return { kind: 'user', user: text }
  if (instruction instanceof Entrypoint) return { kind: 'entrypoint', words: jsonWords(instruction) }
  // HEALTHCHECK's command is in JSON form behind its flags and the word CMD.
  if (instruction.getKeyword() === 'HEALTHCHECK')
    return { kind: 'healthcheck', words: JSON.parse(/\[.*\]/.exec(text)?.[0] ?? '[]') as string[] }
  if (instruction instanceof Cmd) return { kind: 'cmd', words: jsonWords(instruction) }
  return { kind: 'other', keyword: instruction.getKeyword(), text }
}

const jsonWords = (instruction: JSONInstruction): readonly string[] =>
  instruction.getJSONStrings().map((word) => word.getJSONValue())

/** Steps of the operating system: packages and the data directory. They cannot be run outside of an image. */
export const isSystemStep = (step: Step): boolean =>
  step.kind === 'run' && /^(apt-get|install --directory) /.test(step.command)
