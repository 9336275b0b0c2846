/** What must always hold. The names stand in reports and in docs/simulation.md. */
export const invariants = {
  one_writer: 'only the scheduler that claimed a partition last changes its runs',
  attempts_grow: 'the number of an attempt never decreases',
  legal_moves: 'states change along the table of transitions',
  final_is_final: 'a final state stays, unless a rerun was asked for',
  trigger_rules: 'an operator is dispatched, skipped or given up as its trigger rule says',
  stored_before_sent: 'an attempt is sent, or runs, only once it is stored',
  effects_of_one_attempt: 'what is accepted comes from an execution of the current attempt that ended so',
  inputs_are_accepted: 'the inputs of an attempt are outputs that were accepted',
  guarded: 'an attempt in flight has a ready row, a message, a delivery or a lease',
  leases_of_the_lost: 'a lease ends only when its worker was in trouble or has given it back',
  no_needless_execution: 'without faults an attempt runs once, also when partitions change hands',
  heads_follow_tasks: 'a run is final exactly when all of its operator tasks are',
  cancel_is_heard: 'a cancel that was accepted is taken up, and ends what runs',
  rerun_is_heard: 'a rerun that was accepted happens, once',
  terminates: 'every accepted run ends once faults stop',
  nothing_left: 'after the end nothing runs on, and no message or delivery of an attempt is left',
  no_defects: 'the engine and the workers report no defect of their own',
} as const
export type Invariant = keyof typeof invariants

export interface Violation {
  readonly invariant: Invariant
  readonly at: number
  readonly what: string
}
