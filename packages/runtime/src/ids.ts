import { v5, v7 } from 'uuid'

/** A new id (UUID version 7): unique, and sorted by creation time, so that indexes stay compact. */
export const newId = (): string => v7()

/** The id of what `name` stands for within something that has an id (UUID version 5): always the same. */
export const derivedId = (name: string, within: string): string => v5(name, within)
