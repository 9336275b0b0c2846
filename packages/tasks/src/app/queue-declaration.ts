import type { Declaration } from '@celeriac/core'
import type { TaskQueue } from './app-options.ts'

/** A queue with the way to it, as callers and workers declare it alike: two who differ are refused by the broker. */
export function queueDeclaration({ exchange, routingKey, ...queue }: TaskQueue): Declaration {
  return {
    queues: [{ type: 'classic', ...queue }],
    ...(exchange === undefined
      ? {}
      : {
          exchanges: [exchange],
          bindings: [{ exchange: exchange.name, routingKey: routingKey ?? queue.name, queue: queue.name }],
        }),
  }
}
