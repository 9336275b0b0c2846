/** A value that survives JSON unchanged. Parameters, results and errors are of this kind. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** A moment as milliseconds since the Unix epoch. Core never reads a clock: instants come in from outside. */
export type Instant = number
