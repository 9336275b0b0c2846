import pg from 'pg'

/** One change of an operator task's row, as the database saw it. */
export interface Change {
  readonly run: string
  readonly ordinal: number
  readonly from: string
  readonly to: string
  readonly fromAttempt: number
  readonly toAttempt: number
  /** By the database's clock, which is the machine's. */
  readonly at: number
}

/** Lets the database itself write down every change of state or attempt: no writer can leave one out. */
export const recordChanges = (url: string): Promise<readonly Change[]> =>
  query(
    url,
    `CREATE TABLE chaos_changes (
       n bigserial PRIMARY KEY, run_id uuid, ordinal int, from_state text, to_state text, from_attempt int, to_attempt int,
       at timestamptz DEFAULT clock_timestamp());
     CREATE FUNCTION chaos_change() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO chaos_changes (run_id, ordinal, from_state, to_state, from_attempt, to_attempt)
       VALUES (NEW.run_id, NEW.ordinal, OLD.state, NEW.state, OLD.attempt, NEW.attempt);
       RETURN NULL;
     END $$;
     CREATE TRIGGER chaos_change AFTER UPDATE ON operator_tasks FOR EACH ROW
       WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.attempt IS DISTINCT FROM NEW.attempt)
       EXECUTE FUNCTION chaos_change()`,
  )

/** In the order in which they were made. */
export const readChanges = (url: string): Promise<readonly Change[]> =>
  query(
    url,
    `SELECT run_id AS run, ordinal, from_state AS "from", to_state AS "to", from_attempt AS "fromAttempt",
       to_attempt AS "toAttempt",
       (extract(epoch FROM at) * 1000)::float8 AS at FROM chaos_changes ORDER BY n`,
  )

/** Operator tasks whose last attempt its worker held by a lease alone. */
export async function countHandedOver(url: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    url,
    'SELECT count(*)::int AS count FROM operator_tasks WHERE is_leased',
  )
  return row?.count ?? 0
}

export interface RunCounts {
  readonly made: number
  readonly finished: number
}

/** Null while the database does not answer. */
export async function countRuns(url: string): Promise<RunCounts | null> {
  try {
    const [row] = await query<RunCounts>(
      url,
      'SELECT count(*)::int AS made, count(finished_at)::int AS finished FROM runs',
    )
    return row ?? null
  } catch {
    return null
  }
}

async function query<Row extends object>(url: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 20_000,
    options: '-c default_transaction_read_only=off',
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}
