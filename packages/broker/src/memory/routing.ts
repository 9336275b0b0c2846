import type { ExchangeType } from '../topology.ts'

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

/** The bindings of one exchange: from a routing key to names of queues, each once. */
export class Exchange {
  readonly #type: ExchangeType
  readonly #bindings: { readonly queue: string; readonly routingKey: string }[] = []

  constructor(type: ExchangeType) {
    this.#type = type
  }

  bind(queue: string, routingKey: string): void {
    if (!this.#bindings.some((binding) => binding.queue === queue && binding.routingKey === routingKey))
      this.#bindings.push({ queue, routingKey })
  }

  unbindQueue(queue: string): void {
    const kept = this.#bindings.filter((binding) => binding.queue !== queue)
    this.#bindings.splice(0, this.#bindings.length, ...kept)
  }

  route(routingKey: string): ReadonlySet<string> {
    const queues = new Set<string>()
    for (const binding of this.#bindings)
      if (this.#matches(binding.routingKey, routingKey)) queues.add(binding.queue)
    return queues
  }

  #matches(bound: string, routingKey: string): boolean {
    switch (this.#type) {
      case 'fanout':
        return true
      case 'direct':
        return bound === routingKey
      case 'topic':
        return topicMatches(bound, routingKey)
    }
  }
}
