/** Writes docs/LIFECYCLE.md. */
import { writeFile } from 'node:fs/promises'
import { lifecyclePage } from './lifecycle-page.ts'

await writeFile(new URL('../docs/LIFECYCLE.md', import.meta.url), lifecyclePage())
