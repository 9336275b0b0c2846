import { once } from 'node:events'
import type { CeleryEvent } from '@celeriac/tasks'
import { ClusterState } from '@celeriac/tasks'
import { createLogUpdate } from 'log-update'
import { printJsonLine } from '../cli.ts'
import type { Io } from '../io.ts'
import { plainJson } from '../tasks/plain-json.ts'
import { eventLine, eventScreen } from './event-screen.ts'

/** Where events are shown. */
export interface EventOutlet {
  show(event: CeleryEvent): void
  /** Resolves when everything is shown. */
  end(): Promise<void>
}

/** Heartbeats are missed, and running tasks grow older, also while nothing comes. */
const redrawMs = 500

/** A screen that is redrawn in place, not more often than it can be read. */
export function eventScreenOutlet(io: Io): EventOutlet {
  const log = createLogUpdate(process.stdout)
  const cluster = new ClusterState()
  const draw = (): void => log(eventScreen(cluster, Date.now(), io).join('\n'))
  draw()
  const timer = setInterval(draw, redrawMs)
  return {
    show: (event) => cluster.add(event),
    end: async () => {
      clearInterval(timer)
      draw()
      log.done()
    },
  }
}

/** Events that wait for a slow reader at most; it misses the others, and is told so. */
const maxWaiting = 10_000

/** A line per event. */
export class EventLines implements EventOutlet {
  readonly #io: Io
  readonly #isJson: boolean
  readonly #waiting: CeleryEvent[] = []
  #printing: Promise<void> | null = null
  #missed = 0

  constructor(io: Io, { isJson }: { readonly isJson: boolean }) {
    this.#io = io
    this.#isJson = isJson
  }

  show(event: CeleryEvent): void {
    if (this.#waiting.length >= maxWaiting) {
      this.#missed++
      return
    }
    this.#waiting.push(event)
    this.#printing ??= this.#print()
  }

  async end(): Promise<void> {
    await this.#printing
    if (this.#missed > 0)
      this.#io.err(`${this.#missed} events were left out: their reader is slower than they come`)
  }

  async #print(): Promise<void> {
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      if (this.#isJson) printJsonLine(this.#io, plainJson(event))
      else this.#io.out(eventLine(event, this.#io))
      await this.#io.drained()
    }
    this.#printing = null
  }
}

/** Resolves when the user presses Ctrl-C. */
export const interrupted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort')
}
