import type { Node } from './node.ts'

/**
 * How many parts a header member reports to its chord: a task one, a group those of all members, a chain those of its
 * last step that has any, a chord those of its body.
 */
export function chordSize(node: Node): number {
  switch (node.kind) {
    case 'task':
      return 1
    case 'group':
      return node.members.reduce((size, member) => size + chordSize(member), 0)
    case 'chain':
      return node.steps.reduceRight((size, step) => (size > 0 ? size : chordSize(step)), 0)
    case 'chord':
      return chordSize(node.body)
  }
}
