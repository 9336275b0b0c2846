/** Requests one after the other over some connections until it is stopped: what is going on while something is changed. */
export class SteadyLoad {
  /** Status → answers. */
  readonly statuses = new Map<number, number>()
  /** Version → answers, since `forget`. */
  readonly versions = new Map<string, number>()
  /** What failed, in words; the first few. */
  readonly failures: string[] = []
  #isStopped = false
  readonly #loops: readonly Promise<void>[]

  constructor(send: (index: number) => Promise<Response>, connections: number) {
    let index = 0
    this.#loops = Array.from({ length: connections }, async () => {
      while (!this.#isStopped) await this.#one(() => send(index++))
    })
  }

  async #one(send: () => Promise<Response>): Promise<void> {
    try {
      const response = await send()
      const text = await response.text()
      this.statuses.set(response.status, (this.statuses.get(response.status) ?? 0) + 1)
      const version = response.headers.get('x-model-version') ?? 'none'
      this.versions.set(version, (this.versions.get(version) ?? 0) + 1)
      if (response.status !== 200) this.#fail(`${response.status} ${text}`)
    } catch (error) {
      this.#fail(String((error as { cause?: unknown }).cause ?? error))
    }
  }

  #fail(what: string): void {
    if (this.failures.length < 10) this.failures.push(what.slice(0, 300))
  }

  forget(): void {
    this.versions.clear()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#loops)
  }
}
