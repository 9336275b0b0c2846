import { z } from 'zod'

/** Text of a path segment. Control characters have no place in any name and would upset the database or a terminal. */
export const pathText = z
  .string()
  .min(1)
  .max(300)
  .refine((text) => !/\p{Cc}/u.test(text), { message: 'control characters are not allowed' })
