/**
 * The mover as one file for Node 20, the version that Debian has: its image carries no packages and no TypeScript.
 * The same sources make the same bytes, because the image is named after them.
 */
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Throws with the compiler's words when the sources do not hold together. */
export function bundleMover(): Buffer {
  const { outputFiles } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: ['src/mover/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    legalComments: 'none',
    logLevel: 'silent',
    write: false,
  })
  const [bundle] = outputFiles
  if (!bundle) throw new Error('the bundle of the mover is empty')
  return Buffer.from(bundle.contents)
}
