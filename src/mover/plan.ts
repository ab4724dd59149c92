/** Reads the plan, or the errand: one JSON document, checked before anything is touched. */
import { isAbsolute } from 'node:path'
import { type BucketSource, type DiskReserve, type Errand, type Plan, PROTOCOL, type Target } from './protocol.ts'

/** Not a plan of this protocol version; the message says what is wrong with it, without values. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
}

/** Throws PlanError. */
export function parsePlan(text: string): Plan | Errand {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message would quote the document, credentials included.
    throw new PlanError('The plan is not JSON.')
  }
  const plan = fields(value, 'plan')
  if (plan.protocol !== PROTOCOL) throw new PlanError(`The plan is not of protocol version ${PROTOCOL}.`)
  if (plan.errand !== undefined) return parseErrand(plan)
  return {
    protocol: PROTOCOL,
    operation: string(plan.operation, 'operation'),
    direction: oneOf(['pull', 'push'] as const, plan.direction, 'direction'),
    notebook: string(plan.notebook, 'notebook'),
    targets: list(plan.targets, 'targets').map(parseTarget),
    allowedPrivateAddresses: texts(plan.allowedPrivateAddresses, 'allowedPrivateAddresses'),
    confirmDeletions: flag(plan.confirmDeletions, 'confirmDeletions'),
    diskReserve: parseReserve(plan.diskReserve),
  }
}

function parseErrand(errand: Record<string, unknown>): Errand {
  const head = {
    protocol: PROTOCOL,
    operation: string(errand.operation, 'operation'),
    allowedPrivateAddresses: texts(errand.allowedPrivateAddresses, 'allowedPrivateAddresses'),
  } as const
  if (oneOf(['test', 'remove'] as const, errand.errand, 'errand') === 'test')
    return {
      ...head,
      errand: 'test',
      source: parseSource(errand.source, 'source'),
      secondsPerStep: amount(errand.secondsPerStep, 'secondsPerStep'),
    }
  const { prefix: _, ...source } = parseSource({ ...fields(errand.source, 'source'), prefix: '' }, 'source')
  const prefixes = texts(errand.prefixes, 'prefixes')
  // An empty one would be the whole bucket.
  if (!prefixes.every((prefix) => /[^/]\/$/.test(prefix)))
    throw new PlanError('prefixes has one that does not end in "/".')
  return { ...head, errand: 'remove', source, prefixes }
}

function parseReserve(value: unknown): DiskReserve {
  const reserve = fields(value, 'diskReserve')
  return { share: amount(reserve.share, 'diskReserve.share'), bytes: amount(reserve.bytes, 'diskReserve.bytes') }
}

function parseTarget(value: unknown, index: number): Target {
  const at = `targets[${index}]`
  const target = fields(value, at)
  return {
    id: string(target.id, `${at}.id`),
    kind: oneOf(['workspace', 'volume'] as const, target.kind, `${at}.kind`),
    permission: oneOf(['RO', 'RW', 'RWD'] as const, target.permission, `${at}.permission`),
    dataDir: folder(target.dataDir, `${at}.dataDir`),
    sideDir: folder(target.sideDir, `${at}.sideDir`),
    source: parseSource(target.source, `${at}.source`),
    reserved: texts(target.reserved, `${at}.reserved`),
  }
}

function parseSource(value: unknown, at: string): BucketSource {
  const source = fields(value, at)
  const prefix = string(source.prefix, `${at}.prefix`)
  if (prefix !== '' && !prefix.endsWith('/')) throw new PlanError(`${at}.prefix does not end in "/".`)
  const endpoint = string(source.endpoint, `${at}.endpoint`)
  if (!['http:', 'https:'].includes(URL.parse(endpoint)?.protocol ?? ''))
    throw new PlanError(`${at}.endpoint is not an http or https URL.`)
  return {
    type: oneOf(['bucket'] as const, source.type, `${at}.type`),
    endpoint,
    region: string(source.region, `${at}.region`),
    accessKeyId: string(source.accessKeyId, `${at}.accessKeyId`),
    secretAccessKey: string(source.secretAccessKey, `${at}.secretAccessKey`),
    pathStyle: flag(source.pathStyle, `${at}.pathStyle`),
    bucket: string(source.bucket, `${at}.bucket`),
    prefix,
  }
}

function fields(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PlanError(`${at} is not an object.`)
  return value as Record<string, unknown>
}

function list(value: unknown, at: string): unknown[] {
  if (!Array.isArray(value)) throw new PlanError(`${at} is not a list.`)
  return value
}

function string(value: unknown, at: string): string {
  if (typeof value !== 'string') throw new PlanError(`${at} is not a text.`)
  return value
}

function texts(value: unknown, at: string): string[] {
  return list(value, at).map((item, index) => string(item, `${at}[${index}]`))
}

function flag(value: unknown, at: string): boolean {
  if (typeof value !== 'boolean') throw new PlanError(`${at} is not true or false.`)
  return value
}

function amount(value: unknown, at: string): number {
  if (typeof value !== 'number' || !(value >= 0)) throw new PlanError(`${at} is not a number from 0 on.`)
  return value
}

function folder(value: unknown, at: string): string {
  const path = string(value, at)
  if (!isAbsolute(path)) throw new PlanError(`${at} is not an absolute path.`)
  return path
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown, at: string): T {
  const found = allowed.find((item) => item === value)
  if (!found) throw new PlanError(`${at} is none of ${allowed.join(', ')}.`)
  return found
}
