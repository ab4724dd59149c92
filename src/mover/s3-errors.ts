/** What an S3 error means: whether to try again, and the one sentence for people, which never holds credentials. */
import { AddressRefusedError } from './address.ts'
import type { BucketSource } from './protocol.ts'
import { StoreError } from './store.ts'

/** An answer of success that lacks what it has to say: an empty listing page would pass for an empty bucket. */
export class IncompleteAnswerError extends Error {
  override readonly name = 'IncompleteAnswerError'
  constructor(what: string) {
    super(`The store answered without ${what}.`)
  }
}

interface S3Failure {
  name: string
  message: string
  code: string
  /** HTTP status, or null when no answer came. */
  status: number | null
}

/** Answers that a caller handles; null for every other. */
export function failureOf(error: unknown): 'missing' | 'unmet' | 'unsupported' | 'exists' | null {
  const { name, status } = read(error)
  if (name === 'NoSuchBucket') return null
  if (status === 404) return 'missing'
  if (status === 412) return 'unmet'
  if (status === 501 || name === 'NotImplemented' || name === 'MethodNotAllowed') return 'unsupported'
  if (name === 'BucketAlreadyOwnedByYou') return 'exists'
  return null
}

const TRANSIENT_NAMES = new Set([
  'BadDigest',
  // Another write was under way at that moment; whether the condition holds is known after it.
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  // The SDK has taken over the store's clock by the second try.
  'RequestTimeTooSkewed',
  'SlowDown',
  'TimeoutError',
])

export function isTransient(error: unknown): boolean {
  if (error instanceof AddressRefusedError) return false
  if (error instanceof IncompleteAnswerError) return true
  const { name, code, status } = read(error)
  if (TRANSIENT_NAMES.has(name)) return true
  if (status === null) return code !== '' && !isCertificateFault(code)
  // A 2xx that could not be read: its body was cut off.
  return (status >= 500 && status !== 501) || status === 429 || status === 408 || status < 300
}

/** The StoreError for what is left after retries; an error that no store caused comes back as it is. */
export function explain(error: unknown, source: BucketSource): unknown {
  if (error instanceof AddressRefusedError) return new StoreError('refused', error.message, { cause: error })
  if (error instanceof IncompleteAnswerError) return new StoreError('unavailable', error.message, { cause: error })
  const { name, message, code, status } = read(error)
  const said = scrub([name, message].filter((text) => text && text !== 'UnknownError').join(': '), source)
  const bucket = `bucket "${source.bucket}"`
  const fault = (kind: StoreError['kind'], text: string) => new StoreError(kind, text, { cause: error })
  if (status === null) {
    if (name === 'InvalidBucketName' || name === 'EndpointError')
      return fault('refused', `The ${bucket} at ${source.endpoint} cannot be addressed: ${said}.`)
    if (code === '' && name !== 'TimeoutError') return error
    if (isCertificateFault(code))
      return fault(
        'refused',
        `The store of ${bucket} at ${source.endpoint} showed a certificate that is not valid: ${code}.`,
      )
    return fault('unavailable', `The store of ${bucket} at ${source.endpoint} cannot be reached: ${code || name}.`)
  }
  if (name === 'NoSuchBucket') return fault('bucket-missing', `There is no ${bucket}: S3 said ${status} ${said}.`)
  if (status === 401 || status === 403)
    return fault('refused', `The store refused access to ${bucket}: S3 said ${status} ${said}.`)
  if (status >= 500 || status === 429 || status === 408 || status < 300 || TRANSIENT_NAMES.has(name))
    return fault('unavailable', `The store of ${bucket} failed: S3 said ${status} ${said}.`)
  if (status < 400)
    return fault(
      'refused',
      `The store of ${bucket} is at another address, and redirects are not followed: S3 said ${status} ${said}.`,
    )
  return fault('refused', `The store refused a request for ${bucket}: S3 said ${status} ${said}.`)
}

export function isCertificateFault(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS/.test(code)
}

function scrub(text: string, { accessKeyId, secretAccessKey }: BucketSource): string {
  return text.replaceAll(secretAccessKey, '…').replaceAll(accessKeyId, '…').replace(/\s+/g, ' ').replace(/\.$/, '')
}

function read(error: unknown): S3Failure {
  const { name, message, code, $metadata, errors } = (error ?? {}) as {
    name?: unknown
    message?: unknown
    code?: unknown
    $metadata?: { httpStatusCode?: number }
    /** Of an AggregateError: one for each address that was dialled. */
    errors?: unknown[]
  }
  const first = typeof code === 'string' ? code : (errors?.[0] as { code?: unknown } | undefined)?.code
  return {
    name: typeof name === 'string' ? name : '',
    message: typeof message === 'string' ? message : '',
    code: typeof first === 'string' ? first : '',
    status: $metadata?.httpStatusCode ?? null,
  }
}
