import type { BindingSpec, ExchangeType } from '@celeriac/core'

/** Does a topic pattern match a routing key? Words are parted by dots; `*` is one word, `#` any number of them. */
export function topicMatches(pattern: string, routingKey: string): boolean {
  if (pattern === '#' || pattern === routingKey) return true
  return wordsMatch(pattern.split('.'), 0, routingKey === '' ? [] : routingKey.split('.'), 0)
}

function wordsMatch(
  pattern: readonly string[],
  patternAt: number,
  words: readonly string[],
  wordAt: number,
): boolean {
  for (; patternAt < pattern.length; patternAt++, wordAt++) {
    const expected = pattern[patternAt]
    if (expected === '#') {
      for (let rest = wordAt; rest <= words.length; rest++)
        if (wordsMatch(pattern, patternAt + 1, words, rest)) return true
      return false
    }
    if (wordAt >= words.length || (expected !== '*' && expected !== words[wordAt])) return false
  }
  return wordAt === words.length
}

export interface Destinations {
  readonly queues: ReadonlySet<string>
  readonly exchanges: ReadonlySet<string>
}

/** The bindings of one exchange: from a routing key to names of queues and of further exchanges, each once. */
export class Exchange {
  readonly type: ExchangeType
  readonly #bindings: BindingSpec[] = []

  constructor(type: ExchangeType) {
    this.type = type
  }

  bind(binding: BindingSpec): void {
    if (!this.#bindings.some((other) => isSame(binding, other))) this.#bindings.push(binding)
  }

  unbindQueue(queue: string): void {
    const kept = this.#bindings.filter((binding) => !('queue' in binding) || binding.queue !== queue)
    this.#bindings.splice(0, this.#bindings.length, ...kept)
  }

  route(routingKey: string): Destinations {
    const queues = new Set<string>()
    const exchanges = new Set<string>()
    for (const binding of this.#bindings) {
      if (!this.#matches(binding.routingKey, routingKey)) continue
      if ('queue' in binding) queues.add(binding.queue)
      else exchanges.add(binding.toExchange)
    }
    return { queues, exchanges }
  }

  #matches(bound: string, routingKey: string): boolean {
    switch (this.type) {
      case 'fanout':
        return true
      case 'direct':
        return bound === routingKey
      case 'topic':
        return topicMatches(bound, routingKey)
    }
  }
}

const targetOf = (binding: BindingSpec): string =>
  'queue' in binding ? `queue ${binding.queue}` : `exchange ${binding.toExchange}`

const isSame = (one: BindingSpec, other: BindingSpec): boolean =>
  one.routingKey === other.routingKey && targetOf(one) === targetOf(other)
