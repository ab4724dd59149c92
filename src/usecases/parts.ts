/** What every use case works with. Built once, in the composition root. */
import type { Vault } from '../access/vault.ts'
import type { Catalogue } from '../domain/catalogue.ts'
import type { Clock } from '../domain/clock.ts'
import type { Database } from '../store/database.ts'

export interface UseCaseParts {
  database: Database
  catalogue: Catalogue
  vault: Vault
  clock: Clock
}
