/** A notebook's environment variables: sealed in the database, opened only to make its container. */
import { z } from 'zod'
import type { Vault } from '../access/vault.ts'

const Variables = z.record(z.string(), z.string())

const purpose = (notebookId: string): string => `environment:${notebookId}`

export function sealEnvironment(
  vault: Vault,
  notebookId: string,
  variables: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  return vault.seal(JSON.stringify(variables), purpose(notebookId))
}

export function openEnvironment(
  vault: Vault,
  notebook: { id: string; env: Uint8Array | null },
): Record<string, string> {
  return notebook.env ? Variables.parse(JSON.parse(vault.open(notebook.env, purpose(notebook.id)))) : {}
}
