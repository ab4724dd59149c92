/**
 * The object store for a machine that has none: Ceph's S3 gateway in a container of ours, on the network of the movers and
 * published at that network's gateway, so that one endpoint serves host and movers. The data lies in a volume that nothing
 * here ever removes; keys and endpoint stay the same when the container is made anew.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import type Dockerode from 'dockerode'
import type { ObjectStoreAddress } from '../config.ts'
import { call, LIMIT, statusOf, unless } from '../engine/docker/call.ts'
import { installationLabels } from '../engine/docker/names.ts'
import { type BridgeNetwork, ensureNetworks } from '../engine/docker/networks.ts'
import type { ImageBuilder } from '../images/builder.ts'
import { until } from './daemon.ts'
import { EmbeddedError } from './folders.ts'
import { withHomeLock } from './lock.ts'
import { makeRecord, type ObjectStoreRecord, readRecord } from './object-store-record.ts'

const IMAGE = 's3'
const REGION = 'us-east-1'
const INNER_PORT = 9000
const PORTS = { first: 9000, last: 9099 }

/** Of everything a container is made from, so that one made from something else is replaced. */
const RECIPE_LABEL = 'cahier.recipe'

const GONE = 404
const ALREADY = 304

/** In seconds. */
const START_LIMIT = 120
const STOP_GRACE = 30

export interface ObjectStoreOptions {
  docker: Dockerode
  installation: string
  home: string
  images: ImageBuilder
}

/** Resolves when it answers a signed request. Throws EmbeddedError, ImageError or EngineUnavailableError. */
export async function ensureObjectStore(
  { docker, installation, home, images }: ObjectStoreOptions,
  say: (line: string) => void,
): Promise<ObjectStoreAddress & { started: boolean }> {
  await images.provide(IMAGE, ({ message }) => say(message), new AbortController().signal)
  return withHomeLock(home, 'object-store', async () => {
    const { data: network } = await ensureNetworks(docker, installation)
    const name = `cahier-${installation.slice(0, 8)}-${IMAGE}`
    const record = (await readRecord(home)) ?? (await makeRecord(home, await freePort(network.gateway), name))
    const options = containerOptions(installation, images.nameOf(IMAGE), network, record)
    const started = await bringUp(docker, options, say)
    const address = {
      endpoint: `http://${network.gateway}:${record.port}`,
      region: REGION,
      accessKey: record.accessKey,
      secretKey: record.secretKey,
    }
    await awaitAnswer(docker, record.container, address)
    return { ...address, started }
  })
}

/** False when it was not running. Its container goes too, or the daemon would start it the next time that it comes up. */
export async function stopObjectStore(docker: Dockerode, home: string): Promise<boolean> {
  const record = await readRecord(home)
  if (!record) return false
  const wasRunning = await stop(docker, record.container)
  await remove(docker, record.container)
  return wasRunning
}

/** The first port that nothing on this machine listens on. */
async function freePort(host: string): Promise<number> {
  for (let port = PORTS.first; port <= PORTS.last; port++) if (await isFree(host, port)) return port
  throw new EmbeddedError(`No port from ${PORTS.first} to ${PORTS.last} is free for the object store; set S3_ENDPOINT.`)
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(new EmbeddedError('The Docker daemon is on another machine: set S3_ENDPOINT.', { cause: error }))
    })
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

function containerOptions(
  installation: string,
  image: string,
  network: BridgeNetwork,
  record: ObjectStoreRecord,
): Dockerode.ContainerCreateOptions & { name: string } {
  const labels = installationLabels(installation)
  const options = {
    name: record.container,
    Image: image,
    Env: [`S3_ACCESS_KEY=${record.accessKey}`, `S3_SECRET_KEY=${record.secretKey}`],
    StopTimeout: STOP_GRACE,
    HostConfig: {
      NetworkMode: network.name,
      PortBindings: { [`${INNER_PORT}/tcp`]: [{ HostIp: network.gateway, HostPort: String(record.port) }] },
      Mounts: [
        {
          Type: 'volume' as const,
          Source: record.container,
          Target: '/data',
          ReadOnly: false,
          VolumeOptions: { NoCopy: false, Labels: labels, DriverConfig: { Name: 'local', Options: {} } },
        },
      ],
      // Not 'unless-stopped': a daemon that was killed ends what it finds running, and takes that for an end by hand.
      RestartPolicy: { Name: 'always' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  }
  const recipe = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 12)
  return { ...options, Labels: { ...labels, [RECIPE_LABEL]: recipe } }
}

/** False when it ran already. */
async function bringUp(
  docker: Dockerode,
  options: Dockerode.ContainerCreateOptions & { name: string },
  say: (line: string) => void,
): Promise<boolean> {
  const container = docker.getContainer(options.name)
  const there = await call('look at a container', LIMIT.READ, () => unless(GONE, container.inspect(), null))
  const isCurrent = there?.Config.Labels[RECIPE_LABEL] === options.Labels?.[RECIPE_LABEL]
  if (there?.State.Running && isCurrent) return false
  say('Starting the object store.')
  if (there && isCurrent && (await startContainer(docker, options.name))) return true
  if (there) {
    await stop(docker, options.name)
    await remove(docker, options.name)
  }
  // Name and body apart, or dockerode writes all of the body, keys included, into the URL.
  const { name, ...body } = options
  const request = { _query: { name }, _body: body } as unknown as Dockerode.ContainerCreateOptions
  await call('create a container', LIMIT.WRITE, () => docker.createContainer(request))
  if (!(await startContainer(docker, name))) throw new EmbeddedError(`The container ${name} was removed as it started.`)
  return true
}

/** False when the container cannot start any more, because it or its network is gone. Throws EmbeddedError when its port is taken. */
async function startContainer(docker: Dockerode, name: string): Promise<boolean> {
  try {
    const started = docker.getContainer(name).start()
    await call('start a container', LIMIT.WRITE, () => unless(ALREADY, started, undefined))
    return true
  } catch (error) {
    if (statusOf(error) === GONE) return false
    if (/port is already allocated|address already in use/.test((error as Error).message))
      throw new EmbeddedError(
        `The port of the object store, which data stores name, is in use by another program: ${(error as Error).message.trim()}`,
        { cause: error },
      )
    throw error
  }
}

async function stop(docker: Dockerode, name: string): Promise<boolean> {
  return call('stop a container', STOP_GRACE + LIMIT.WRITE, async () => {
    const stopped = docker
      .getContainer(name)
      .stop()
      .then(() => true)
    return unless(GONE, unless(ALREADY, stopped, false), false)
  })
}

/** Its volume has a name, and so stays. */
async function remove(docker: Dockerode, name: string): Promise<void> {
  const container = docker.getContainer(name)
  await call('remove a container', LIMIT.WRITE, () => unless(GONE, container.remove({ force: true }), undefined))
}

/** A signed request, so that the gateway, the keys and the store behind them are known to work together. */
async function awaitAnswer(docker: Dockerode, container: string, address: ObjectStoreAddress): Promise<void> {
  const client = new S3Client({
    endpoint: address.endpoint,
    region: address.region,
    credentials: { accessKeyId: address.accessKey, secretAccessKey: address.secretKey },
    forcePathStyle: true,
    maxAttempts: 1,
  })
  let latest: unknown
  const answers = async () => {
    try {
      await client.send(new ListBucketsCommand({}), { abortSignal: AbortSignal.timeout(5000) })
      return true
    } catch (error) {
      latest = error
      return false
    }
  }
  try {
    if (await until(answers, START_LIMIT)) return
  } finally {
    client.destroy()
  }
  const log = await docker.getContainer(container).logs({ stdout: true, stderr: true, tail: 5 })
  throw new EmbeddedError(
    `The object store does not answer at ${address.endpoint} (${(latest as Error).message}); its log ends with:\n${log}`,
  )
}
