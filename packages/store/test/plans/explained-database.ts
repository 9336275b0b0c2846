import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { Database, Queryable, Statement } from '../../src/database.ts'

/** How the server carried out one statement. */
export interface ExplainedStatement {
  readonly text: string
  /** The statement is prepared by name, and its plan here is the one that is kept for any parameters. */
  readonly isGeneric: boolean
  /** Every node of the plan, outermost first. */
  readonly nodes: readonly PlanNode[]
  /** Pages touched, also by functions and triggers: in cache, on disk and written. */
  readonly pages: number
}

export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly Plans?: readonly PlanNode[]
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
}

/**
 * A database that explains each statement before it carries it out (EXPLAIN ANALYZE, under a savepoint that is rolled
 * back), so that an operation of several statements goes its way. Use it within a transaction that is rolled back.
 */
export class ExplainedDatabase implements Pick<Database, 'call' | 'query' | 'transaction'> {
  readonly statements: ExplainedStatement[] = []
  readonly #client: ExplainingClient
  readonly #builder: Queryable

  private constructor(url: string) {
    this.#client = new ExplainingClient({ connectionString: url }, this.statements)
    this.#builder = drizzle(this.#client)
  }

  static async open(url: string): Promise<ExplainedDatabase> {
    const database = new ExplainedDatabase(url)
    await database.#client.connect()
    return database
  }

  /** The statements that `work` ran. Nothing that it wrote stays. */
  async explain(work: (database: Database) => Promise<unknown>): Promise<readonly ExplainedStatement[]> {
    this.statements.length = 0
    await this.#client.plainly('begin')
    try {
      await work(this as unknown as Database)
    } finally {
      await this.#client.plainly('rollback; deallocate all')
    }
    return [...this.statements]
  }

  async call<Row>({ text }: Statement, params: readonly unknown[] = []): Promise<readonly Row[]> {
    const { rows } = await this.#client.explained(text, params, ['custom', 'generic'])
    return rows as readonly Row[]
  }

  query: Database['query'] = (work) => work(this.#builder)
  transaction: Database['transaction'] = (work) => work(this.#builder)

  close(): Promise<void> {
    return this.#client.end()
  }
}

type PlanMode = 'custom' | 'generic'

/** drizzle's queries come through `query`. It sends them without a name: they are planned for their parameters. */
class ExplainingClient extends pg.Client {
  readonly #statements: ExplainedStatement[]

  constructor(config: pg.ClientConfig, statements: ExplainedStatement[]) {
    super(config)
    this.#statements = statements
    const plainQuery = this.query.bind(this)
    this.plainly = plainQuery as never
    this.query = ((config: pg.QueryArrayConfig, params: unknown[]) =>
      this.explained(config.text, params, ['custom'], config.rowMode)) as never
  }

  plainly: (query: string | pg.QueryConfig | pg.QueryArrayConfig) => Promise<pg.QueryResult>

  async explained(
    text: string,
    params: readonly unknown[],
    modes: readonly PlanMode[],
    rowMode?: 'array',
  ): Promise<pg.QueryResult> {
    for (const mode of modes) this.#statements.push(await this.#planOf(text, params, mode))
    return this.plainly({ text, values: [...params], ...(rowMode !== undefined && { rowMode }) })
  }

  async #planOf(text: string, params: readonly unknown[], mode: PlanMode): Promise<ExplainedStatement> {
    const args = params.length === 0 ? '' : `(${params.map(literalOf).join(', ')})`
    await this.plainly('savepoint explained')
    await this.plainly(`set local plan_cache_mode = force_${mode}_plan`)
    await this.plainly(`prepare explained as ${text}`)
    // Once before: what the server reads to know its own tables is not what the statement costs.
    await this.plainly(`execute explained${args}`)
    await this.plainly('rollback to explained')
    await this.plainly(`set local plan_cache_mode = force_${mode}_plan`)
    const { rows } = await this.plainly(`explain (analyze, buffers, format json) execute explained${args}`)
    await this.plainly('rollback to explained')
    await this.plainly('deallocate explained')
    const [{ 'QUERY PLAN': explained } = { 'QUERY PLAN': [] }] = rows as {
      'QUERY PLAN': { Plan: PlanNode }[]
    }[]
    const plan = explained[0]?.Plan
    if (plan === undefined) throw new Error('EXPLAIN gave no plan')
    return {
      text,
      isGeneric: mode === 'generic',
      nodes: nodesOf(plan),
      pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    }
  }
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  return pg.escapeLiteral(Array.isArray(value) ? `{${value.join(',')}}` : String(value as string | number))
}
