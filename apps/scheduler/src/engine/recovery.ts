import {
  isFinalTaskState,
  wakeOfRun,
  wakeOfTask,
  type EngineEvent,
  type Run,
  type Wake,
} from '@celeriac/core'

/**
 * What a run that was just loaded is owed. `ready` tasks are the outbox: their messages may never have been sent.
 * Behind a broker that does not outlive its process, queued and running attempts are gone as well.
 */
export function recoveryEvents(run: Run, brokerIsDurable: boolean): EngineEvent[] {
  if (run.head.state === 'queued') return [{ type: 'run_created' }]
  const events: EngineEvent[] = []
  for (const { ordinal, attempt, state } of run.tasks) {
    const isLost = state === 'ready' || (!brokerIsDurable && (state === 'queued' || state === 'running'))
    if (isLost) events.push({ type: 'message_lost', ordinal, attempt, from: state })
  }
  return events
}

/** All later events that a loaded run is owed. */
export function wakesOfRun(run: Run): Wake[] {
  const wakes = run.tasks.filter(({ state }) => !isFinalTaskState(state)).map((task) => wakeOfTask(run, task))
  return [...wakes, wakeOfRun(run.head)].filter((wake) => wake !== null)
}
