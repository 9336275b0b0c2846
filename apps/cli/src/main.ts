import { processEnv } from './config.ts'
import { processIo } from './io.ts'
import { runCommandLine, type Interrupt } from './program.ts'

/** Ctrl-C, taken over from the first time that a command asks for it. */
function processInterrupt(): Interrupt {
  let controller: AbortController | null = null
  const open = (): AbortController => {
    const opened = new AbortController()
    process.once('SIGINT', () => opened.abort())
    return opened
  }
  return {
    signal: () => (controller ??= open()).signal,
    isInterrupted: () => controller?.signal.aborted ?? false,
  }
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  io: processIo(processEnv()),
  interrupt: processInterrupt(),
})
