import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { usageFault } from '../cli-fault.ts'

/** Longer than any password that the server takes. */
const longest = 1_024

/**
 * Lines that nobody shall see: from the terminal without an echo, else the first ones of standard input. Passwords are no
 * flags, which other users of the machine can read.
 */
export async function readSecrets(prompts: readonly string[]): Promise<readonly string[]> {
  const { stdin, stderr } = process
  const isTerminal = stdin.isTTY
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const input = createInterface({ input: stdin, output: nowhere, terminal: isTerminal, historySize: 0 })
  const interrupted = new Promise<never>((_resolve, reject) => {
    input.once('SIGINT', () => reject(usageFault('no password was given')))
  })
  interrupted.catch(() => undefined)
  // One reader for all: what a pipe has sent at once is not lost between two.
  const lines = input[Symbol.asyncIterator]()
  const secrets: string[] = []
  try {
    for (const prompt of prompts) {
      if (isTerminal) stderr.write(prompt)
      const line = await Promise.race([lines.next(), interrupted])
      if (isTerminal) stderr.write('\n')
      if (line.done === true) throw usageFault('no password was given: type it, or pass it on standard input')
      if (line.value === '' || line.value.length > longest) throw usageFault('no password was given')
      secrets.push(line.value)
    }
    return secrets
  } finally {
    input.close()
  }
}

/** Whether somebody types, who may mistype. */
export const isTyped = (): boolean => process.stdin.isTTY
