/** A command that is refused says why in one sentence; only what nobody foresaw shows where it happened. */
import { ConfigError } from '../config.ts'
import { PlatformStoreError } from '../data/platform-store.ts'
import { CatalogueError } from '../domain/catalogue.ts'
import { EmbeddedError } from '../embedded/folders.ts'
import { EngineUnavailableError, ImageError } from '../engine/port.ts'
import { PackagesError } from '../host/apt.ts'
import { MigrationError } from '../store/migrate.ts'
import { RestoreError } from '../store/restore.ts'
import { BackupError } from './archive.ts'

/** Errors whose message is made for the person who runs Cahier. */
const SENTENCES = [
  BackupError,
  ConfigError,
  CatalogueError,
  EmbeddedError,
  EngineUnavailableError,
  ImageError,
  MigrationError,
  PackagesError,
  PlatformStoreError,
  RestoreError,
]

/** Runs the command; when it fails, says `what` could not be done and why on stderr, and ends the process with code 1. */
export async function withoutStackTraces(what: string, command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    const isSentence = SENTENCES.some((kind) => error instanceof kind)
    console.error(what, isSentence || isPortTaken(error) ? (error as Error).message : error)
    process.exit(1)
  }
}

function isPortTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'listen'
}
