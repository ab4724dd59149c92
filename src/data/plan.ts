/** What a mover is told: which files lie where, in the container and in the store. The only place where credentials meet it. */
import type { Vault } from '../access/vault.ts'
import type { ObjectStoreAddress } from '../config.ts'
import type { Catalogue } from '../domain/catalogue.ts'
import type { DataStore, DataSync, Volume } from '../generated/prisma/client.ts'
import { type BucketSource, MOVER_PATHS, type Plan, PROTOCOL, type Target } from '../mover/protocol.ts'
import { openCredentials } from './credentials.ts'

export interface PlanParts {
  vault: Vault
  platformStore: ObjectStoreAddress
  workspaceBucket: string
  allowedPrivateAddresses: readonly string[]
  catalogue: Pick<Catalogue, 'diskReserve'>
}

type VolumeWithStore = Volume & { dataStore: DataStore }

/** `syncs`: the runs that the mover carries, all of one operation and direction. */
export function planMover(
  parts: PlanParts,
  notebook: { id: string; volumes: readonly VolumeWithStore[] },
  operation: string,
  syncs: readonly DataSync[],
): Plan {
  return {
    protocol: PROTOCOL,
    operation,
    direction: syncs.every(({ direction }) => direction === 'PULL') ? 'pull' : 'push',
    notebook: notebook.id,
    targets: syncs.map(({ volumeId }) => {
      const volume = notebook.volumes.find(({ id }) => id === volumeId)
      return volume ? volumeTarget(parts, volume) : targetOfWorkspace(parts, notebook)
    }),
    allowedPrivateAddresses: [...parts.allowedPrivateAddresses],
    confirmDeletions: syncs.every(({ confirmDeletions }) => confirmDeletions),
    diskReserve: parts.catalogue.diskReserve,
  }
}

function targetOfWorkspace(parts: PlanParts, notebook: { id: string; volumes: readonly VolumeWithStore[] }): Target {
  const inWorkspace = notebook.volumes.map(({ mountPath }) => mountPath).filter(isInWorkspace)
  return workspaceTarget(parts, `${notebook.id}/`, inWorkspace.map(relativeToWorkspace))
}

/** The files of a workspace, in the platform's store below `prefix`, but for the `reserved` folders, where volumes are mounted. */
export function workspaceTarget(
  parts: Pick<PlanParts, 'platformStore' | 'workspaceBucket'>,
  prefix: string,
  reserved: string[],
): Target {
  return {
    id: 'workspace',
    kind: 'workspace',
    permission: 'RWD',
    dataDir: MOVER_PATHS.workspace,
    sideDir: `${MOVER_PATHS.side}/workspace`,
    source: { ...platformSource(parts.platformStore, parts.workspaceBucket), prefix },
    reserved,
  }
}

/** A bucket of the platform's own store. */
export function platformSource(
  { endpoint, region, accessKey, secretKey }: ObjectStoreAddress,
  bucket: string,
): Omit<BucketSource, 'prefix'> {
  return {
    type: 'bucket',
    endpoint,
    region,
    accessKeyId: accessKey,
    secretAccessKey: secretKey,
    pathStyle: true,
    bucket,
  }
}

function volumeTarget(parts: PlanParts, volume: VolumeWithStore): Target {
  return {
    id: volume.id,
    kind: 'volume',
    permission: volume.permission,
    dataDir: MOVER_PATHS.volume(volume.index),
    sideDir: `${MOVER_PATHS.side}/${volume.id}`,
    source: sourceOf(parts.vault, volume),
    reserved: [],
  }
}

function sourceOf(vault: Vault, { dataStore, bucket, prefix }: VolumeWithStore): BucketSource {
  const { endpoint, region, pathStyle, id, credentials } = dataStore
  return { type: 'bucket', endpoint, region, pathStyle, bucket, prefix, ...openCredentials(vault, { id, credentials }) }
}

const isInWorkspace = (path: string): boolean => path.startsWith('/workspace/')
const relativeToWorkspace = (path: string): string => path.slice('/workspace/'.length)
