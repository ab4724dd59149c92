/** "npm run restore -- <file> [--replace]": puts a backup in place of an empty database, or of one whose content is then kept aside. */
import { resolve } from 'node:path'
import { Vault } from './access/vault.ts'
import { existingKey } from './boot/encryption-key.ts'
import { findDatabase, layFoundation, MIGRATIONS, volumesOf } from './boot/foundation.ts'
import { controlPlaneRuns } from './boot/pid-file.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { lossesSince, readManifest, restoreBackup } from './boot/restore.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { findOrphans } from './controller/orphans.ts'

const say = (line: string): void => console.log(line)

await withoutStackTraces('Nothing was restored.', async () => {
  const words = process.argv.slice(2)
  const [given, ...more] = words.filter((word) => word !== '--replace')
  if (!given || more.length > 0) throw new ConfigError('Usage: npm run restore -- <file> [--replace]')
  const file = resolve(given)
  const config = readConfig()
  if (await controlPlaneRuns(config.home)) throw new ConfigError('The control plane runs: end it, and run this again.')
  say(`Checking ${file}.`)
  const manifest = await readManifest(file)
  const key = await existingKey(config.encryptionKey, config.home)
  if (!key)
    throw new ConfigError(
      `There is no encryption key: set ENCRYPTION_KEY, or put the one of the backup into ${config.home}/encryption-key.`,
    )
  say(`Restoring the database of ${manifest.madeAt}.`)
  const parts = {
    databaseUrl: await findDatabase(config, say),
    migrationsDirectory: MIGRATIONS,
    vault: new Vault(key),
    volumesOf: (installation: string) => volumesOf(config, installation, say),
  }
  const aside = await restoreBackup(parts, file, manifest, words.includes('--replace'), say)
  say('The database is restored.')
  if (aside) say(`What it held before is kept in the schema ${aside}; "DROP SCHEMA ${aside} CASCADE" removes it.`)
})
await withoutStackTraces('The database is restored, but what is around it could not be looked at.', () =>
  lookAround(readConfig(), resolve(process.argv.slice(2).find((word) => word !== '--replace') ?? '')),
)

/** What the time between has taken, and what it has left. */
async function lookAround(config: Config, file: string): Promise<void> {
  const { database, engine, store, workspaceBucket } = await layFoundation(config, say)
  const { missing, changed, keys } = await lossesSince(file, store.list(workspaceBucket))
  say(`Of the objects that the bucket had, ${missing} are missing and ${changed} are others now.`)
  for (const found of keys) say(`  ${found}`)
  const { containers, volumes } = await findOrphans(database, engine)
  say(`The database does not know ${containers.length} containers and ${volumes.length} volumes in the engine.`)
  if (containers.length + volumes.length > 0)
    say('They are kept: "npm run orphans" lists them and says what can be done.')
  await database.$disconnect()
  say('"npm start" goes on from here.')
}
