/** The signal of a job. It is made when somebody asks for it: most handlers never do, and it costs more than they. */
export class JobSignal {
  #controller: AbortController | null = null
  #reason: Error | null = null

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== null) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** The first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(this.#reason)
  }
}
