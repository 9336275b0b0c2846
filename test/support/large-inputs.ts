/** Inputs of the tests with large things, made on the fly. */

/** A document of `width` chains of `length` operators, as JSON. */
export function chainsDocument(width: number, length: number): string {
  const ids: string[] = []
  const rels: Record<string, object[]> = {}
  for (let chain = 0; chain < width; chain++)
    for (let step = 0; step < length; step++) {
      ids.push(`c${chain}_${step}`)
      if (step > 0)
        rels[`c${chain}_${step - 1}`] = [{ target: `c${chain}_${step}`, source_index: 0, target_index: 0 }]
    }
  const details = Object.fromEntries(
    ids.map((id) => [id, { algo_name: 'algo_local_pass_through', params: {} }]),
  )
  return JSON.stringify({
    name: 'large',
    dag: { operator_list: ids, operator_rels: rels, operator_details: details },
  })
}

const rowsPerBlock = 20_000

/** A CSV file of at least `bytes`, in blocks of about a megabyte; `end` comes behind the last row. */
export function* csvBlocks(bytes: number, end = ''): Generator<Buffer> {
  let sent = 0
  let row = 0
  yield Buffer.from('id,amount,day,city,default\n')
  while (sent < bytes) {
    const lines: string[] = []
    for (const last = row + rowsPerBlock; row < last; row++)
      lines.push(
        `${row},${(row % 9_973) / 7},2026-01-${String(1 + (row % 28)).padStart(2, '0')},城市 ${row % 300},${row % 2}\n`,
      )
    const block = Buffer.from(lines.join(''))
    sent += block.length
    yield block
  }
  yield Buffer.from(end)
}

/** Rows that a whole number of blocks has. */
export const rowsOfBlocks = (blocks: number): number => blocks * rowsPerBlock

/** An own algorithm that prints lines: the files of its directory. */
export const talkative: Readonly<Record<string, string>> = {
  'algo_local_talkative.py': [
    'def run(ctx):',
    '    for index in range(ctx.params["lines"]):',
    '        print(f"line {index}")',
    '    ctx.pass_on(0, ctx.reference(0))',
    '',
  ].join('\n'),
  'algo_local_talkative.json': JSON.stringify({
    manifest_version: 1,
    algo_name: 'algo_local_talkative',
    cn_name: '多言',
    en_name: 'Talkative',
    category: 'test',
    cn_category: '测试',
    description: 'Prints lines.',
    cn_description: '打印多行。',
    executor: 'local',
    deterministic: true,
    inputs: [{ index: 0, name: 'table', type: 'Table', cn_name: '输入表', required: false }],
    outputs: [{ index: 0, name: 'table', type: 'Table', cn_name: '输出表' }],
    params: {
      type: 'object',
      additionalProperties: false,
      properties: {
        lines: {
          type: 'integer',
          default: 1,
          title: 'Lines',
          'x-cn-title': '行数',
          description: 'How many.',
        },
      },
    },
  }),
}
