import { v2Datatypes, type Cell, type SignatureColumn, type V2Datatype } from '@celeriac/contracts'

/** How the values of a datatype come and go. */
export interface DatatypeFacts {
  /** Bytes of one value in binary; null: each says its own length. */
  readonly size: number | null
  /** What is wrong with a value of JSON; null: nothing. Nulls are not asked about. */
  readonly fault: (value: unknown) => string | null
  /** A value in binary; undefined where no double is equal to it, and so no model can be asked about it. */
  readonly read: (view: DataView, offset: number) => Cell | undefined
}

const whole = (bits: number, isSigned: boolean) => {
  // Beyond 2^53 a number of JSON is not what its sender wrote.
  const least = isSigned ? Math.max(-(2 ** (bits - 1)), Number.MIN_SAFE_INTEGER) : 0
  const most = Math.min(2 ** (isSigned ? bits - 1 : bits) - 1, Number.MAX_SAFE_INTEGER)
  return (value: unknown): string | null => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return 'a whole number is expected'
    if (value >= least && value <= most) return null
    if (bits === 64)
      return 'JSON carries whole numbers exactly only up to 9007199254740991; send it in binary, or as FP64'
    return `is not within ${least} … ${most}`
  }
}

const number = (value: unknown): string | null => {
  if (typeof value !== 'number') return 'a number is expected'
  return Number.isFinite(value) ? null : 'is not finite'
}

const single = (value: unknown): string | null =>
  number(value) ?? (Number.isFinite(Math.fround(value as number)) ? null : 'is too large for FP32')

const of = (type: string) => (value: unknown) => (typeof value === type ? null : `a ${type} is expected`)

const exact = (value: bigint): number | undefined => {
  const double = Number(value)
  return BigInt(double) === value ? double : undefined
}

const unreadable = (): never => {
  throw new TypeError('values of BYTES have no place of their own')
}

const facts: Readonly<Record<V2Datatype, DatatypeFacts>> = {
  BOOL: { size: 1, fault: of('boolean'), read: (view, at) => view.getUint8(at) !== 0 },
  UINT8: { size: 1, fault: whole(8, false), read: (view, at) => view.getUint8(at) },
  UINT16: { size: 2, fault: whole(16, false), read: (view, at) => view.getUint16(at, true) },
  UINT32: { size: 4, fault: whole(32, false), read: (view, at) => view.getUint32(at, true) },
  UINT64: { size: 8, fault: whole(64, false), read: (view, at) => exact(view.getBigUint64(at, true)) },
  INT8: { size: 1, fault: whole(8, true), read: (view, at) => view.getInt8(at) },
  INT16: { size: 2, fault: whole(16, true), read: (view, at) => view.getInt16(at, true) },
  INT32: { size: 4, fault: whole(32, true), read: (view, at) => view.getInt32(at, true) },
  INT64: { size: 8, fault: whole(64, true), read: (view, at) => exact(view.getBigInt64(at, true)) },
  FP32: { size: 4, fault: single, read: (view, at) => view.getFloat32(at, true) },
  FP64: { size: 8, fault: number, read: (view, at) => view.getFloat64(at, true) },
  BYTES: { size: null, fault: of('string'), read: unreadable },
}

export const datatypeFacts = (datatype: V2Datatype): DatatypeFacts => facts[datatype]

export const isV2Datatype = (name: string): name is V2Datatype => v2Datatypes.some((known) => known === name)

/** Why a datatype that exists is not taken. */
export const refusedDatatypes: Readonly<Record<string, string>> = {
  FP16: 'FP16 has no portable form in JSON and is not taken; send FP32',
  BF16: 'BF16 is not taken; send FP32',
}

/** What the models of this platform compute with. */
export const datatypeOf = (type: SignatureColumn['type']): V2Datatype =>
  (({ number: 'FP64', string: 'BYTES', boolean: 'BOOL', datetime: 'BYTES' }) as const)[type]
