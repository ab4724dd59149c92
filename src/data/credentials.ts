/** A data store's keys: sealed in the database, opened only to be handed to a mover on its stdin. */
import { z } from 'zod'
import type { Vault } from '../access/vault.ts'

const Credentials = z.strictObject({ accessKeyId: z.string(), secretAccessKey: z.string() })
export type Credentials = z.output<typeof Credentials>

const purpose = (dataStoreId: string): string => `data-store:${dataStoreId}`

export function sealCredentials(vault: Vault, dataStoreId: string, credentials: Credentials): Uint8Array<ArrayBuffer> {
  return vault.seal(JSON.stringify(credentials), purpose(dataStoreId))
}

export function openCredentials(vault: Vault, dataStore: { id: string; credentials: Uint8Array }): Credentials {
  return Credentials.parse(JSON.parse(vault.open(dataStore.credentials, purpose(dataStore.id))))
}
