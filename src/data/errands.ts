/** What a mover is told of an errand, and what it says of it. With plan.ts, the only places where credentials meet a mover. */
import { z } from 'zod'
import type { DataStore, StoreErrand } from '../generated/prisma/client.ts'
import { type Errand, type ErrandReport, PROTOCOL, STORE_CHECKS } from '../mover/protocol.ts'
import { openCredentials } from './credentials.ts'
import { type PlanParts, platformSource } from './plan.ts'

/** How long a store that is tried may take for any one step. */
const SECONDS_PER_STEP = 20

export type ErrandParts = Pick<PlanParts, 'vault' | 'platformStore' | 'allowedPrivateAddresses'>

/** `dataStore`: null is the platform's own. */
export function planErrand(
  parts: ErrandParts,
  { id, kind, bucket, prefix }: StoreErrand,
  dataStore: DataStore | null,
): Errand {
  const source = dataStore
    ? {
        type: 'bucket' as const,
        endpoint: dataStore.endpoint,
        region: dataStore.region,
        pathStyle: dataStore.pathStyle,
        ...openCredentials(parts.vault, dataStore),
        bucket,
      }
    : platformSource(parts.platformStore, bucket)
  const allowedPrivateAddresses = [...parts.allowedPrivateAddresses]
  const head = { protocol: PROTOCOL, operation: id, allowedPrivateAddresses } as const
  switch (kind) {
    case 'TEST':
      return { ...head, errand: 'test', source: { ...source, prefix }, secondsPerStep: SECONDS_PER_STEP }
    case 'REMOVE':
      return { ...head, errand: 'remove', source, prefixes: [prefix] }
  }
}

const Report = z.object({
  protocol: z.literal(PROTOCOL),
  operation: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  message: z.string().nullable(),
  mayPass: z.boolean(),
  checks: z.array(
    z.object({
      check: z.enum(STORE_CHECKS),
      outcome: z.enum(['PASSED', 'FAILED', 'SKIPPED']),
      message: z.string().nullable(),
    }),
  ),
  objectsRemoved: z.number(),
  bytesRemoved: z.number(),
}) satisfies z.ZodType<ErrandReport>

/** Null when the line is no report on that errand: a mover's stray output is none. */
export function parseReport(line: string, { id }: StoreErrand): ErrandReport | null {
  try {
    const report = Report.parse(JSON.parse(line))
    return report.operation === id ? report : null
  } catch {
    return null
  }
}
