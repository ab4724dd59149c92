/**
 * What Docker is told to make of a ContainerSpec. Whoever the container is for, its process has no capabilities, cannot
 * gain any, and is bounded in CPU, memory, processes and log; what it publishes answers on the node's loopback only.
 */
import type Dockerode from 'dockerode'
import type { ContainerSpec, NodeCapacity, VolumeMount } from '../port.ts'
import { containerLabels, type Labels, networkName, volumeLabels } from './names.ts'

const MAX_PROCESSES = 4096
const LOG = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } }
const TMP_BYTES = 64 * 2 ** 20

/** The body of Docker's create call; `image` is the name that Docker knows it by. */
export function containerBody(
  spec: ContainerSpec,
  image: string,
  node: Pick<NodeCapacity, 'cpus' | 'memoryBytes'>,
): Dockerode.ContainerCreateOptions {
  const memory = Math.min(spec.memoryBytes, node.memoryBytes)
  const gpus = spec.gpuDevices ?? []
  return {
    Image: image,
    User: spec.user,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    // A command replaces the image's entrypoint too; an entrypoint given here also drops the image's command.
    ...(spec.command && { Entrypoint: spec.command }),
    Labels: containerLabels(spec.identity),
    StopSignal: 'SIGTERM',
    // StdinOnce: the process sees end of file when the one who attached hangs up.
    ...(spec.stdin && { OpenStdin: true, StdinOnce: true, AttachStdin: true }),
    ...(spec.port !== null && { ExposedPorts: { [`${spec.port}/tcp`]: {} } }),
    HostConfig: {
      Init: true,
      RestartPolicy: { Name: 'no' },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      PidsLimit: MAX_PROCESSES,
      LogConfig: LOG,
      // Docker refuses more CPUs than the node has.
      NanoCpus: Math.round(Math.min(spec.cpus, node.cpus) * 1e9),
      Memory: memory,
      // Memory and swap together, so: no swap.
      MemorySwap: memory,
      ...(spec.shmBytes !== null && { ShmSize: Math.min(spec.shmBytes, memory) }),
      ...(gpus.length > 0 && {
        DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: [...gpus], Capabilities: [['gpu']] }],
      }),
      NetworkMode: networkName(spec.identity.installation, spec.network),
      ...(spec.port !== null && {
        PortBindings: { [`${spec.port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      }),
      Mounts: spec.mounts.map((mount) => volumeMount(mount, volumeLabels(spec.identity))),
      ...(spec.readOnlyRoot && {
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,mode=1777,size=${TMP_BYTES}` },
      }),
    },
  }
}

/** A volume that is new takes owner and content of the image's directory at that path. */
function volumeMount({ volume, path, readOnly }: VolumeMount, labels: Labels): Dockerode.MountSettings {
  return {
    Type: 'volume',
    Source: volume,
    Target: path,
    ReadOnly: readOnly,
    VolumeOptions: { NoCopy: false, Labels: labels, DriverConfig: { Name: 'local', Options: {} } },
  }
}
