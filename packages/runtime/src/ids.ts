import { v7 } from 'uuid'

/** A new id (UUID version 7): unique, and sorted by creation time, so that indexes stay compact. */
export const newId = (): string => v7()
