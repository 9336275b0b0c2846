/**
 * Follows a run until it is finished. On a terminal the screen is redrawn in place; elsewhere each change of state is one
 * line, so that logs of CI jobs stay readable.
 */
import { isFinalRunState } from '@celeriac/core'
import type { OperatorTaskView, RunView } from '@celeriac/contracts'
import { createLogUpdate } from 'log-update'
import type { ApiClient } from '../client/api-client.ts'
import type { Io } from '../io.ts'
import { attemptText } from '../output/duration.ts'
import { noteOf } from '../output/run-table.ts'
import { stateSign, stateStyle } from '../output/state-style.ts'
import { runScreen } from './run-screen.ts'
import { runUpdates } from './run-updates.ts'

export type WatchMode = 'screen' | 'lines' | 'silent'

/** Running operators show how long they have been running. */
const redrawMs = 500

export interface WatchOptions {
  readonly mode: WatchMode
  readonly signal?: AbortSignal
}

export const watchModeOf = (io: Io, flags: { readonly json?: boolean }): WatchMode =>
  flags.json === true ? 'silent' : io.isTty ? 'screen' : 'lines'

/** The finished run. Rejects with the server's fault, or when it stays away for longer than a minute. */
export async function watchRun(
  client: ApiClient,
  runId: string,
  io: Io,
  options: WatchOptions,
): Promise<RunView> {
  const show = viewer(io, options.mode)
  try {
    for await (const run of runUpdates(client, runId, options.signal)) {
      show.update(run)
      if (isFinalRunState(run.state)) return run
    }
  } finally {
    show.end()
  }
  throw new Error('a run was not followed to its end')
}

interface Viewer {
  update(run: RunView): void
  /** Leaves the last picture on the screen. */
  end(): void
}

function viewer(io: Io, mode: WatchMode): Viewer {
  if (mode === 'silent') return { update: () => undefined, end: () => undefined }
  return mode === 'screen' ? screenViewer(io) : lineViewer(io)
}

function screenViewer(io: Io): Viewer {
  const log = createLogUpdate(process.stdout)
  let shown: RunView | null = null
  const draw = (): void => {
    if (shown !== null) log(runScreen(shown, Date.now(), io).join('\n'))
  }
  const timer = setInterval(draw, redrawMs)
  return {
    update(run) {
      shown = run
      draw()
    },
    end() {
      clearInterval(timer)
      log.done()
    },
  }
}

/** States in which nothing happens to an operator: not worth a line. */
const waiting: ReadonlySet<string> = new Set(['pending', 'ready', 'queued'])

function lineViewer(io: Io): Viewer {
  const seen = new Map<string, string>()
  return {
    update(run) {
      for (const operator of run.operators) {
        const key = `${operator.state} ${operator.attempt}`
        if (seen.get(operator.id) === key) continue
        seen.set(operator.id, key)
        if (!waiting.has(operator.state)) io.out(changeLine(operator, io))
      }
    },
    end: () => undefined,
  }
}

/** One change of one operator. */
export function changeLine(operator: OperatorTaskView, io: Io): string {
  const state = io.paint(stateStyle(operator.state), `${stateSign(operator.state)} ${operator.state}`)
  const took = attemptText(operator, Date.now())
  const again = operator.attempt > 1 ? ` (attempt ${operator.attempt})` : ''
  const note = noteOf(operator)
  return `${state}  ${operator.id}${again}${took === '' ? '' : `  ${took}`}${note === '' ? '' : `  ${note}`}`
}
