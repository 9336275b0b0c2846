import type { JsonValue } from '@celeriac/core'
import { RememberedTexts } from './remembered-texts.ts'

/** The properties of a message as amqplib gives them; the headers hold nothing but JSON. */
export class PlainProperties {
  contentType: string | undefined = undefined
  contentEncoding: string | undefined = undefined
  headers: Record<string, JsonValue> | undefined = undefined
  deliveryMode: number | undefined = undefined
  priority: number | undefined = undefined
  correlationId: string | undefined = undefined
  replyTo: string | undefined = undefined
  expiration: string | undefined = undefined
  messageId: string | undefined = undefined
  timestamp: number | undefined = undefined
  type: string | undefined = undefined
  userId: string | undefined = undefined
  appId: string | undefined = undefined
  clusterId: string | undefined = undefined
}

/** Something is left to amqplib: a rare type, or bytes that are no properties. */
export const notPlain = Symbol('properties that are not plain')

const code = (letter: string): number => letter.charCodeAt(0)
const [textType, listType, tableType, voidType] = [code('S'), code('A'), code('F'), code('V')]
const [booleanType, int8Type, int32Type] = [code('t'), code('b'), code('I')]
const [int64Type, doubleType] = [code('l'), code('d')]

/** Tables within each other. */
const maxDepth = 32
/** Remembered texts: the short ones of the properties come first, then two for each header, its name and its value. */
const firstHeaderPlace = 16
/** Headers beyond are not remembered. */
const lastPlace = 256

/**
 * Reads the properties of messages in one pass over their bytes. It knows the types that clients use; all else it leaves
 * to amqplib, which takes its time: the results are the same.
 */
export class PropertiesReader {
  readonly #texts = new RememberedTexts()
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #place = 0

  /** The properties between these offsets, flags first; `notPlain` where amqplib has to look. */
  read(bytes: Buffer, from: number, to: number): PlainProperties | typeof notPlain {
    this.#bytes = bytes
    this.#at = from
    this.#end = to
    try {
      return this.#read()
    } catch (error) {
      if (error === notPlain) return notPlain
      throw error
    }
  }

  #read(): PlainProperties {
    const properties = new PlainProperties()
    const flags = this.#uint8() * 0x100 + this.#uint8()
    if ((flags & 0x8000) !== 0) properties.contentType = this.#shortText(0)
    if ((flags & 0x4000) !== 0) properties.contentEncoding = this.#shortText(1)
    if ((flags & 0x2000) !== 0) {
      this.#place = firstHeaderPlace
      properties.headers = this.#table(0)
    }
    if ((flags & 0x1000) !== 0) properties.deliveryMode = this.#uint8()
    if ((flags & 0x0800) !== 0) properties.priority = this.#uint8()
    if ((flags & 0x0400) !== 0) properties.correlationId = this.#shortText(2)
    if ((flags & 0x0200) !== 0) properties.replyTo = this.#shortText(3)
    if ((flags & 0x0100) !== 0) properties.expiration = this.#shortText(4)
    if ((flags & 0x0080) !== 0) properties.messageId = this.#shortText(5)
    if ((flags & 0x0040) !== 0) properties.timestamp = this.#uint32() * 0x1_0000_0000 + this.#uint32()
    if ((flags & 0x0020) !== 0) properties.type = this.#shortText(6)
    if ((flags & 0x0010) !== 0) properties.userId = this.#shortText(7)
    if ((flags & 0x0008) !== 0) properties.appId = this.#shortText(8)
    if ((flags & 0x0004) !== 0) properties.clusterId = this.#shortText(9)
    // The lowest bit announces more flags, which no client uses.
    if ((flags & 0x0003) !== 0 || this.#at !== this.#end) throw notPlain
    return properties
  }

  #table(depth: number): Record<string, JsonValue> {
    const end = this.#endOf(depth)
    const table: Record<string, JsonValue> = {}
    while (this.#at < end) {
      const place = this.#place
      this.#place += 2
      const name = this.#shortText(place)
      const value = this.#value(place + 1, depth)
      // It would replace the prototype.
      if (name === '__proto__') throw notPlain
      table[name] = value
    }
    if (this.#at !== end) throw notPlain
    return table
  }

  #list(depth: number): JsonValue[] {
    const end = this.#endOf(depth)
    const list: JsonValue[] = []
    while (this.#at < end) list.push(this.#value(lastPlace, depth))
    if (this.#at !== end) throw notPlain
    return list
  }

  #endOf(depth: number): number {
    const length = this.#uint32()
    const end = this.#at + length
    if (depth > maxDepth || end > this.#end) throw notPlain
    return end
  }

  #value(place: number, depth: number): JsonValue {
    switch (this.#uint8()) {
      case textType:
        return this.#text(this.#uint32(), place)
      case voidType:
        return null
      case booleanType:
        return this.#uint8() !== 0
      case int8Type:
        return (this.#uint8() << 24) >> 24
      case int32Type:
        return this.#uint32() | 0
      case int64Type:
        return Number(this.#bytes.readBigInt64BE(this.#skip(8)))
      case doubleType:
        return this.#double()
      case tableType: {
        const table = this.#table(depth + 1)
        // amqplib gives values of rare types in this form.
        if (typeof table['!'] === 'string') throw notPlain
        return table
      }
      case listType:
        return this.#list(depth + 1)
      default:
        throw notPlain
    }
  }

  #double(): number {
    const value = this.#bytes.readDoubleBE(this.#skip(8))
    if (!Number.isFinite(value)) throw notPlain
    return value
  }

  #shortText(place: number): string {
    return this.#text(this.#uint8(), place)
  }

  #text(length: number, place: number): string {
    const from = this.#skip(length)
    return place < lastPlace
      ? this.#texts.read(this.#bytes, from, this.#at, place)
      : this.#bytes.toString('utf8', from, this.#at)
  }

  #uint8(): number {
    return this.#bytes[this.#skip(1)] as number
  }

  #uint32(): number {
    const at = this.#skip(4)
    return this.#bytes.readUInt32BE(at)
  }

  /** The offset of the next bytes, which are passed. */
  #skip(length: number): number {
    const at = this.#at
    this.#at = at + length
    if (this.#at > this.#end) throw notPlain
    return at
  }
}
