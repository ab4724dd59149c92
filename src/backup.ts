/** "npm run backup -- <folder or file>": one file from which "npm run restore" puts everything but the buckets' objects back. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { writeBackup } from './boot/backup.ts'
import { findParts } from './boot/foundation.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { ConfigError, readConfig } from './config.ts'

const say = (line: string): void => console.log(line)

await withoutStackTraces('No backup was made.', async () => {
  const [given, ...more] = process.argv.slice(2)
  if (!given || more.length > 0) throw new ConfigError('Usage: npm run backup -- <folder or file>')
  const { databaseUrl, vault, store, workspaceBucket } = await findParts(readConfig(), say)
  const file = fileFor(given)
  say(`Backing up to ${file}.`)
  const parts = { databaseUrl, vault, bucket: workspaceBucket, objects: store.list(workspaceBucket) }
  const { keyFingerprint } = await writeBackup(parts, file, say)
  say(
    `The backup is complete. It is of use only with the encryption key of fingerprint ${keyFingerprint}, which is not in it:`,
  )
  say('keep that elsewhere, and back up the buckets by the means of your store.')
})

function fileFor(given: string): string {
  const path = resolve(given)
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  const file = isFolder ? join(path, `cahier-${time}.tar.gz`) : path
  if (existsSync(file)) throw new ConfigError(`${file} is there already; a backup never replaces one.`)
  return file
}
