// Bugs to plant in the real sources, one at a time: the simulation must find each. A text that is not found exactly once
// ends the program, so that no mutation goes stale unnoticed.

const engine = 'apps/scheduler/src/engine'
const core = 'packages/core/src'
const worker = 'packages/tasks/src/worker'

/**
 * @typedef {{ name: string, what: string, changes: { file: string, find: string, replace: string }[] }} Mutation
 * @type {readonly Mutation[]}
 */
export const mutations = [
  {
    name: 'no-fence',
    what: 'batches are written without the epoch of their partition',
    changes: [
      {
        file: `${engine}/batch-draft.ts`,
        find: 'if (!this.#fences.has(partition)) this.#fences.set(partition, epoch)',
        replace: 'void partition, epoch',
      },
    ],
  },
  {
    name: 'ack-before-commit',
    what: 'events are acked before what they change is stored',
    changes: [
      {
        file: `${engine}/engine.ts`,
        find: "if (typeof took === 'boolean' ? took : await took) taken.push(item)",
        replace:
          "if (typeof took === 'boolean' ? took : await took) { taken.push(item); if (item.kind === 'delivery') item.delivery.ack() }",
      },
    ],
  },
  {
    name: 'publish-before-commit',
    what: 'successors are sent before the batch that makes them ready is stored',
    changes: [
      {
        file: `${engine}/engine.ts`,
        find: 'if (!draft.isEmpty && !(await this.#commit(draft))) {',
        replace:
          'this.#outbox.publish(draft.effects, [])\n      if (!draft.isEmpty && !(await this.#commit(draft))) {',
      },
    ],
  },
  {
    name: 'no-outbox-at-takeover',
    what: 'ready rows are not sent again by the next owner',
    changes: [
      {
        file: `${engine}/recovery.ts`,
        find: "const isLost = state === 'ready' || (",
        replace: 'const isLost = (',
      },
    ],
  },
  {
    name: 'no-resend',
    what: 'a task message that was not confirmed is not sent again',
    changes: [
      {
        file: `${engine}/outbox.ts`,
        find: 'if (unconfirmed.length > 0)',
        replace: 'if (unconfirmed.length < 0)',
      },
    ],
  },
  {
    name: 'no-scan',
    what: 'queued runs that nobody announced are not looked for',
    changes: [{ file: `${engine}/event-consumers.ts`, find: 'queued.map(({ id }) => id),', replace: '[],' }],
  },
  {
    name: 'takeover-without-loading',
    what: 'a partition is taken over without its runs',
    changes: [{ file: `${engine}/tenure.ts`, find: 'await loader.loadAll(runIds)', replace: 'void loader' }],
  },
  {
    name: 'no-wakes-at-takeover',
    what: 'retries and deadlines of loaded runs are not scheduled',
    changes: [
      {
        file: `${engine}/run-loader.ts`,
        find: 'wakes.add(runId, wakesOfRun(cached.run))',
        replace: 'void wakes, wakesOfRun',
      },
    ],
  },
  {
    name: 'no-reload-after-refusal',
    what: 'memory stays ahead of the database after a batch was refused',
    changes: [
      {
        file: `${engine}/engine.ts`,
        find: 'await this.#tenure.reload(draft.runIds())\n    return false',
        replace: 'return false',
      },
    ],
  },
  {
    name: 'give-back-forgets',
    what: 'a delivery that is for another scheduler is acked instead of given back',
    changes: [
      {
        file: `${engine}/engine.ts`,
        find: 'else item.delivery.requeue()',
        replace: 'else item.delivery.ack()',
      },
    ],
  },
  {
    name: 'older-attempt-accepted',
    what: 'results of an earlier attempt count for the current one',
    changes: [
      {
        file: `${core}/staleness.ts`,
        find: "if (task.attempt !== attempt) return 'stale_attempt'",
        replace: 'void attempt',
      },
      { file: `${engine}/run-cache.ts`, find: 'this.#attempts.delete(before.attemptId)', replace: 'void 0' },
    ],
  },
  {
    name: 'retry-keeps-number',
    what: 'a new attempt has the number of the one before',
    changes: [
      {
        file: `${core}/run-draft.ts`,
        find: 'attempt: task.attempt + 1,',
        replace: 'attempt: Math.max(1, task.attempt),',
      },
    ],
  },
  {
    name: 'one-success-any-end',
    what: 'one_success is content with an upstream operator that ended, however',
    changes: [
      {
        file: `${core}/trigger-rules.ts`,
        find: "if (upstream.includes('succeeded')) return 'run'",
        replace: "if (upstream.some(isFinalTaskState)) return 'run'",
      },
    ],
  },
  {
    name: 'cancel-revokes-nothing',
    what: 'workers are not told of a cancel',
    changes: [
      {
        file: `${core}/advance.ts`,
        find: 'else draft.cancelRun()\n  if (revoked.length > 0)',
        replace: 'else draft.cancelRun()\n  if (revoked.length < 0)',
      },
    ],
  },
  {
    name: 'rerun-repeats',
    what: 'a rerun that is delivered again after its end is carried out again',
    changes: [
      {
        file: `${core}/advance.ts`,
        find: "if (version !== undefined && version !== draft.head.version) return 'duplicate'",
        replace: 'void version',
      },
    ],
  },
  {
    name: 'lost-lease-keeps-attempt',
    what: 'a lease that expires leads to the same attempt once more',
    changes: [
      {
        file: `${core}/worker-loss.ts`,
        find: 'draft.makeReady({ ...task, losses: task.losses + 1 })',
        replace: 'draft.resend({ ...task, losses: task.losses + 1 })',
      },
    ],
  },
  {
    name: 'lease-judged-by-the-deaf',
    what: 'leases expire at once although their renewals could not be heard, or wait to be read',
    changes: [
      {
        file: `${engine}/leases.ts`,
        find: 'if (canHear && !isBack && gapMs >= 0 && gapMs <= longestGapMs) return true',
        replace: 'if (canHear || isBack || gapMs < Infinity) return true',
      },
      {
        file: `${engine}/lease-watch.ts`,
        find: 'for (const [partition, attemptIds] of overdue) this.#mark(partition, attemptIds, now)',
        replace:
          'for (const attemptIds of overdue.values()) for (const attemptId of attemptIds) this.#expire(attemptId, now)',
      },
      {
        file: `${engine}/event-intake.ts`,
        find: "if (event.type === 'lease_expired' && !this.#isLost(cached, event.ordinal)) return",
        replace: 'void this.#isLost',
      },
    ],
  },
  {
    name: 'leases-never-expire',
    what: 'nobody looks for overdue leases',
    changes: [
      {
        file: `${engine}/lease-watch.ts`,
        find: 'for (const [partition, attemptIds] of overdue) this.#mark(partition, attemptIds, now)',
        replace: 'void overdue',
      },
    ],
  },
  {
    name: 'hand-over-acks-first',
    what: 'a worker acks a long attempt before the engine is sure to hear of its lease',
    changes: [
      {
        file: `${worker}/running-attempt.ts`,
        find: 'const message = encodeStarted(taskId, replyTo, this.#runner, true)\n',
        replace:
          'const message = encodeStarted(taskId, replyTo, this.#runner, true)\n    for (const delivery of this.#deliveries) delivery.ack()\n',
      },
    ],
  },
  {
    name: 'result-acked-first',
    what: 'a worker acks a task before the broker has its result',
    changes: [
      {
        file: `${worker}/running-attempt.ts`,
        find: 'const message = outcomeMessage(answer, this.#runner, outcome)\n',
        replace:
          'const message = outcomeMessage(answer, this.#runner, outcome)\n      for (const delivery of this.#deliveries) delivery.ack()\n',
      },
    ],
  },
  {
    name: 'undelivered-forgotten',
    what: 'a task that the broker gave up on is acked, and its sender is not told',
    changes: [
      {
        file: `${engine}/undelivered-consumer.ts`,
        find: 'if (answer !== null) {',
        replace: 'if (answer === null) {',
      },
    ],
  },
]
