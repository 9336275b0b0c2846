// Building blocks of the pages in docs/reference.

export const note =
  '<!-- Written by `npm run docs:reference` from the code; a test compares. Do not edit. -->\n'

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')

export const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n') + '\n'

export const fence = (language, text) => `\`\`\`${language}\n${text}\n\`\`\`\n`

/** The anchor that GitHub gives a heading. */
export const anchorOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-')

export const link = (text, target) => `[${text}](${target})`
