/**
 * What arguments and results are made of: JSON, and the values that Celery's serializers carry beside it. Python's
 * `datetime` is a Date (milliseconds, UTC), `bytes` a Uint8Array; `date`, `time`, `Decimal` and `UUID` have classes of
 * their own (see `serialization`), so that a value that only passes through goes back as what it came as.
 */
export type TaskValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | TaggedValue
  | readonly TaskValue[]
  | TaskObject

export interface TaskObject {
  readonly [key: string]: TaskValue
}

/** A value that JSON has no form for; crosses as `{"__type__": type, "__value__": wire}`. */
export interface TaggedValue {
  readonly tag: 'date' | 'time' | 'decimal' | 'uuid'
  toString(): string
}
