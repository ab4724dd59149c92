/**
 * Ids as clients see them: opaque text that holds a type and a uuid. An id that is none of ours, or of another type, is
 * treated like one of something that is not there, so that nothing can be probed with ids.
 */
import { NotFoundError } from './errors.ts'

export type NodeType =
  | 'Project'
  | 'DataStore'
  | 'Notebook'
  | 'Volume'
  | 'DataSync'
  | 'BillingPeriod'
  | 'ApiToken'
  | 'User'

/** How a NotFoundError names what is not there. */
const NOUNS: Readonly<Record<NodeType, string>> = {
  Project: 'project',
  DataStore: 'data store',
  Notebook: 'notebook',
  Volume: 'volume',
  DataSync: 'data sync',
  BillingPeriod: 'billing period',
  ApiToken: 'API token',
  User: 'user',
}

/** In lower case, as the database writes it. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

export function encodeId(type: NodeType, uuid: string): string {
  return Buffer.from(`${type}:${uuid}`).toString('base64url')
}

/** Null when the text is no id of ours. There is one text for each type and uuid. */
export function parseId(id: string): { type: NodeType; uuid: string } | null {
  const [type = '', uuid = ''] = Buffer.from(id, 'base64url').toString().split(':', 2)
  return isNodeType(type) && isUuid(uuid) && encodeId(type, uuid) === id ? { type, uuid } : null
}

function isNodeType(name: string): name is NodeType {
  return Object.hasOwn(NOUNS, name)
}

/** The uuid in an id of that type; null for any other text. */
export function decodeId(type: NodeType, id: string): string | null {
  const parsed = parseId(id)
  return parsed?.type === type ? parsed.uuid : null
}

export function notFound(type: NodeType): NotFoundError {
  return new NotFoundError(NOUNS[type])
}

/** Like `decodeId`, but throws NotFoundError. */
export function requireId(type: NodeType, id: string): string {
  const uuid = decodeId(type, id)
  if (uuid === null) throw notFound(type)
  return uuid
}
