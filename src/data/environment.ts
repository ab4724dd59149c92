/** A notebook's environment variables: sealed in the database, opened only to make its container. */
import { z } from 'zod'
import type { Vault } from '../access/vault.ts'
import type { EnvVar } from '../domain/env.ts'

const Variables = z.record(z.string(), z.string())

const purpose = (notebookId: string): string => `environment:${notebookId}`

/** Null when there are none. */
export function sealEnvironment(
  vault: Vault,
  notebookId: string,
  env: readonly EnvVar[],
): Uint8Array<ArrayBuffer> | null {
  if (env.length === 0) return null
  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  return vault.seal(JSON.stringify(variables), purpose(notebookId))
}

export function openEnvironment(
  vault: Vault,
  notebook: { id: string; env: Uint8Array | null },
): Record<string, string> {
  return notebook.env ? Variables.parse(JSON.parse(vault.open(notebook.env, purpose(notebook.id)))) : {}
}
