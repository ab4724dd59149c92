/**
 * The environment, read once and checked. The only reader of process.env; a wrong value is one sentence that names the
 * variable, what is wrong with it, and what would be right.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { CHECKPOINT_SECONDS, STOP_GRACE_SECONDS } from './domain/lifecycle.ts'
import { type Destination, parseDestination } from './host/firewall-rules.ts'

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const url = (protocols: string[], example: string) =>
  z.string().refine((value) => protocols.includes(URL.parse(value)?.protocol ?? ''), {
    error: (issue) => `"${String(issue.input)}" is not a URL such as ${example}`,
  })

const seconds = (fallback: number, most = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().positive().max(most, `must be at most ${most}`).default(fallback)

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

const Environment = z.object({
  CAHIER_HOME: z.string().min(1).default('.cahier'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number('is not a port number').int().min(0).max(65535).default(4000),
  PUBLIC_URL: url(['http:', 'https:'], 'http://localhost:4000').optional(),
  GATEWAY_DOMAIN: z
    .string()
    .regex(
      /^[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$/i,
      'is not a domain such as notebooks.example.com, with a port where one is needed',
    )
    .optional(),
  INSECURE_HTTP: z.literal('1', '"1" is the only value').optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgresql://user:password@host:5432/cahier').optional(),
  DOCKER_HOST: url(['unix:', 'tcp:', 'http:', 'https:'], 'unix:///var/run/docker.sock').optional(),
  S3_ENDPOINT: url(['http:', 'https:'], 'https://s3.example.com').optional(),
  S3_ACCESS_KEY: z.string().min(1).optional(),
  S3_SECRET_KEY: z.string().min(1).optional(),
  S3_REGION: z.string().min(1).default('us-east-1'),
  WORKSPACE_BUCKET: z.string().min(3).default('notebooks_workspace'),
  /** Key of the encryption at rest, 32 bytes in base64; made and kept in CAHIER_HOME when not given. */
  ENCRYPTION_KEY: z
    .string()
    .refine((value) => Buffer.from(value, 'base64').length === 32, 'is not 32 bytes in base64')
    .optional(),
  ALLOWED_PRIVATE_ADDRESSES: z
    .string()
    .transform((list) => list.split(',').map((address) => address.trim()))
    .pipe(
      z.array(z.string().regex(/^([^\s:]+|\[[0-9a-f:]+\]):\d+$/i, 'is not a list of host:port, separated by commas')),
    )
    .default([]),
  NOTEBOOK_ALLOWED_ADDRESSES: z
    .string()
    .transform((list, context) =>
      list.split(',').map((item) => {
        const destination = parseDestination(item.trim())
        if (destination) return destination
        context.addIssue({
          code: 'custom',
          message: `"${item.trim()}" is not an address such as 10.0.0.5:5432 or 10.1.0.0/16`,
        })
        return z.NEVER
      }),
    )
    .default([]),
  GPUS: z.string().transform(readGpus).optional(),
  CATALOGUE: z.string().min(1).optional(),
  LEASE_SECONDS: seconds(5),
  /** The sweep is what marks who lives: once a minute at least. */
  SWEEP_SECONDS: seconds(60, 60),
  STOP_GRACE_SECONDS: seconds(STOP_GRACE_SECONDS),
  CHECKPOINT_SECONDS: seconds(CHECKPOINT_SECONDS),
  WAIVE_BEYOND_BUDGET: z.enum(['0', '1'], '"1" and "0" are the only values').default('1'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

/** `device=model,…`, or "none". */
function readGpus(text: string, context: z.RefinementCtx): { id: string; model: string }[] {
  if (text === 'none') return []
  const gpus = text.split(',').map((pair) => {
    const [id = '', model = ''] = pair.split('=', 2).map((part) => part.trim())
    return { id, model }
  })
  const isComplete = gpus.every(({ id, model }) => id !== '' && model !== '')
  if (isComplete && new Set(gpus.map(({ id }) => id)).size === gpus.length) return gpus
  context.addIssue({
    code: 'custom',
    message: 'is not a list such as "GPU-5f3c=L4 24 GiB,GPU-9b1e=L4 24 GiB", each once, or "none"',
  })
  return z.NEVER
}

export interface ObjectStoreAddress {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
}

export interface Config {
  /** Absolute. Users' data lies below it. */
  home: string
  host: string
  port: number
  /** Where people reach the control plane, without a slash at the end. */
  publicUrl: string
  /** Notebooks answer at `<uuid>.<gatewayDomain>`; carries the port where it is not the scheme's own. */
  gatewayDomain: string
  /** Undefined: bring up the embedded part. */
  databaseUrl: string | undefined
  dockerHost: string | undefined
  objectStore: ObjectStoreAddress | undefined
  workspaceBucket: string
  encryptionKey: Buffer | undefined
  /** `host:port` of loopback, link-local or private addresses at which users' data stores may lie. */
  allowedPrivateAddresses: string[]
  /** Addresses of this machine, and link-local and private ones, that notebooks may reach. */
  notebookAllowedAddresses: Destination[]
  /** The node's GPUs, by the engine's ids and the models that flavors name; null: found out. */
  gpus: { id: string; model: string }[] | null
  /**
   * Absolute path of the catalogue of editors, frameworks and flavors, with the folders of its images beside it;
   * undefined: the one that comes with Cahier.
   */
  catalogue: string | undefined
  /** How long a controller owns a notebook without renewing, in seconds. */
  leaseSeconds: number
  /** Time between two sweeps of the engine, in seconds. */
  sweepSeconds: number
  /** What a notebook has between SIGTERM and SIGKILL, in seconds. */
  stopGraceSeconds: number
  /** Between two saves of a running notebook's workspace, in seconds. */
  checkpointSeconds: number
  /** Whether minutes that were run beyond a budget while no control plane was there are left unbilled. */
  waivesBeyondBudget: boolean
  logLevel: string
}

/** Throws ConfigError with one sentence on the first wrong value. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = Environment.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new ConfigError(`${issue?.path.join('.') ?? 'The environment'}: ${issue?.message ?? 'is not valid'}.`)
  }
  const value = parsed.data
  if (!LOOPBACK.has(value.HOST) && !value.INSECURE_HTTP)
    throw new ConfigError(
      `HOST: listening on ${value.HOST} would send tokens in clear; put a TLS proxy before 127.0.0.1, or set INSECURE_HTTP=1 to accept that.`,
    )
  const publicHost = value.PUBLIC_URL && new URL(value.PUBLIC_URL).hostname
  if (publicHost && !LOOPBACK.has(publicHost) && !value.GATEWAY_DOMAIN)
    throw new ConfigError(
      `GATEWAY_DOMAIN: must be given with a PUBLIC_URL, such as notebooks.${publicHost}; each notebook is reached below it.`,
    )
  return {
    home: resolve(value.CAHIER_HOME),
    host: value.HOST,
    port: value.PORT,
    publicUrl: (value.PUBLIC_URL ?? `http://localhost:${value.PORT}`).replace(/\/$/, ''),
    gatewayDomain: value.GATEWAY_DOMAIN ?? `notebooks.localhost:${value.PORT}`,
    databaseUrl: value.DATABASE_URL,
    dockerHost: value.DOCKER_HOST,
    objectStore: readObjectStore(value),
    workspaceBucket: value.WORKSPACE_BUCKET,
    encryptionKey: value.ENCRYPTION_KEY ? Buffer.from(value.ENCRYPTION_KEY, 'base64') : undefined,
    allowedPrivateAddresses: value.ALLOWED_PRIVATE_ADDRESSES,
    notebookAllowedAddresses: value.NOTEBOOK_ALLOWED_ADDRESSES,
    gpus: value.GPUS ?? null,
    catalogue: value.CATALOGUE ? resolve(value.CATALOGUE) : undefined,
    leaseSeconds: value.LEASE_SECONDS,
    sweepSeconds: value.SWEEP_SECONDS,
    stopGraceSeconds: value.STOP_GRACE_SECONDS,
    checkpointSeconds: value.CHECKPOINT_SECONDS,
    waivesBeyondBudget: value.WAIVE_BEYOND_BUDGET === '1',
    logLevel: value.LOG_LEVEL,
  }
}

function readObjectStore(value: z.infer<typeof Environment>): ObjectStoreAddress | undefined {
  if (!value.S3_ENDPOINT) return undefined
  if (!value.S3_ACCESS_KEY || !value.S3_SECRET_KEY)
    throw new ConfigError('S3_ENDPOINT: needs S3_ACCESS_KEY and S3_SECRET_KEY beside it.')
  return {
    endpoint: value.S3_ENDPOINT,
    region: value.S3_REGION,
    accessKey: value.S3_ACCESS_KEY,
    secretKey: value.S3_SECRET_KEY,
  }
}
