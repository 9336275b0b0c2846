export { clientConfigSchema } from './config.ts'
export { exitCodes, exitReasonOf, type ExitReason } from './exit-codes.ts'
export { buildProgram, runCommandLine } from './program.ts'
export type { Io } from './io.ts'
