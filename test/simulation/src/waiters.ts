/** Those who wait for something that has not happened yet. */
export class Waiters {
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []

  wait(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  release(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  refuse(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
