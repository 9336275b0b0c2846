const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for a UUID in its canonical form. Other ids cannot be in the database, and PostgreSQL would refuse to compare. */
export const isUuid = (id: string): boolean => pattern.test(id)
