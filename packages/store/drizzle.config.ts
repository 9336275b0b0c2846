import { defineConfig } from 'drizzle-kit'

// Run from the repository's root: `npm run store:generate`. What it writes is read and edited by hand before it is
// committed (see README.md); it never touches a database.
export default defineConfig({
  dialect: 'postgresql',
  schema: './packages/store/src/schema/index.ts',
  out: './packages/store/migrations',
})
