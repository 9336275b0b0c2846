// Guides that show whole files of the repository: a fence whose language is followed by a path holds that file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const fencePattern = /^```(\w+) ([\w./-]+)\n[^]*?^```$/gm

/** The page with the files as they are now. */
export const withEmbeddedFiles = (page, root) =>
  page.replaceAll(
    fencePattern,
    (_match, language, path) =>
      `\`\`\`${language} ${path}\n${readFileSync(join(root, path), 'utf8').trimEnd()}\n\`\`\``,
  )
