/** What both drivers' errors say about a statement that the server refused. */
export interface SqlError {
  readonly sqlState: string
  readonly message: string
  readonly detail: string | undefined
  readonly constraint: string | undefined
}

/** The server's refusal inside of whatever was thrown (drizzle wraps it as `cause`); null when there is none. */
export function sqlErrorOf(thrown: unknown): SqlError | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code, severity, detail, constraint } = error as Error & Record<string, unknown>
    // Only server messages have a severity; errno codes such as EPERM would pass for an SQLSTATE otherwise.
    if (typeof code === 'string' && code.length === 5 && typeof severity === 'string')
      return {
        sqlState: code,
        message: error.message,
        detail: typeof detail === 'string' ? detail : undefined,
        constraint: typeof constraint === 'string' ? constraint : undefined,
      }
  }
  return null
}

/** True when the connection may be used again: the server answered, and is not going away. */
export function isConnectionUsable(thrown: unknown): boolean {
  const error = sqlErrorOf(thrown)
  return error !== null && !/^(?:08|25P03|57P|58)/.test(error.sqlState)
}
