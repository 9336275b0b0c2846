import type { Exploration } from './explore.ts'

/** What an exploration came to, for people. */
export function report(
  name: string,
  { states, transitions, depth, seconds, violation }: Exploration,
): string {
  const numbers = `${name}: ${states.toLocaleString('en')} states, ${transitions.toLocaleString('en')} transitions, depth ${depth}, ${seconds.toFixed(1)} s`
  if (violation === null) return `${numbers}: every property holds`
  const steps = violation.trace.map((label, at) => `  ${String(at + 1).padStart(3)}. ${label}`)
  return [`${numbers}: ${violation.kind}: ${violation.message}`, ...steps].join('\n')
}
