import type { BindingSpec, Declaration, ExchangeSpec, QueueSpec } from '@celeriac/core'

const bindingKey = (binding: BindingSpec): string =>
  JSON.stringify([
    binding.exchange,
    binding.routingKey,
    'queue' in binding ? ['queue', binding.queue] : ['exchange', binding.toExchange],
  ])

/** What was declared at run time: each exchange, queue and binding once. */
export class DeclarationSet {
  readonly #exchanges = new Map<string, ExchangeSpec>()
  readonly #queues = new Map<string, QueueSpec>()
  readonly #bindings = new Map<string, BindingSpec>()

  hasExchange(name: string): boolean {
    return this.#exchanges.has(name)
  }

  hasQueue(name: string): boolean {
    return this.#queues.has(name)
  }

  get isEmpty(): boolean {
    return this.#exchanges.size + this.#queues.size + this.#bindings.size === 0
  }

  all(): Declaration {
    return {
      exchanges: [...this.#exchanges.values()],
      queues: [...this.#queues.values()],
      bindings: [...this.#bindings.values()],
    }
  }

  /** Everything, in declarations of one thing each. */
  parts(): Declaration[] {
    return [
      ...[...this.#exchanges.values()].map((exchange) => ({ exchanges: [exchange] })),
      ...[...this.#queues.values()].map((queue) => ({ queues: [queue] })),
      ...[...this.#bindings.values()].map((binding) => ({ bindings: [binding] })),
    ]
  }

  add({ exchanges = [], queues = [], bindings = [] }: Declaration): void {
    for (const exchange of exchanges) this.#exchanges.set(exchange.name, exchange)
    for (const queue of queues) this.#queues.set(queue.name, queue)
    for (const binding of bindings) this.#bindings.set(bindingKey(binding), binding)
  }

  remove(names: { readonly queues?: readonly string[]; readonly exchanges?: readonly string[] }): void {
    const queues = new Set(names.queues)
    const exchanges = new Set(names.exchanges)
    for (const name of queues) this.#queues.delete(name)
    for (const name of exchanges) this.#exchanges.delete(name)
    for (const [key, binding] of this.#bindings) {
      const isToRemoved = 'queue' in binding ? queues.has(binding.queue) : exchanges.has(binding.toExchange)
      if (isToRemoved || exchanges.has(binding.exchange)) this.#bindings.delete(key)
    }
  }
}
