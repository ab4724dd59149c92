/** A fresh installation on the Docker daemon under test, with short words for running programs on it. */
import { randomUUID } from 'node:crypto'
import type Dockerode from 'dockerode'
import { afterAll, beforeAll, expect } from 'vitest'
import { createDockerEngine, type ImageProvider } from '../../src/engine/docker/engine.ts'
import type { ContainerEngine, ContainerSpec } from '../../src/engine/port.ts'
import { type Commands, MUTTERED, NEVER, SPOKEN, VOLUME_PATH } from './contract/bench.ts'
import { dockerUnderTest, freshInstallation, type Installation, provideImages } from './node.ts'

export const shell = (script: string): string[] => ['sh', '-c', script]

export const COMMANDS: Commands = {
  speaks: shell(`printf '%s\\n' ${SPOKEN.map((line) => `'${line}'`).join(' ')}; echo ${MUTTERED} >&2; exit 3`),
  digests: shell('sha256sum | cut -c 1-64'),
  ends: shell('exit 0'),
  obeys: shell('trap "exit 7" TERM; echo ready; tail -f /dev/null & wait'),
  defies: shell('trap "" TERM; echo ready; tail -f /dev/null'),
  overeats: shell('tail /dev/zero'),
  writes: shell(`mkdir ${VOLUME_PATH}/deep && printf kept > ${VOLUME_PATH}/deep/file`),
}

export class DockerBench {
  readonly docker: Dockerode
  readonly images: ImageProvider
  readonly installation: Installation

  constructor(docker: Dockerode, images: ImageProvider, installation: Installation) {
    this.docker = docker
    this.images = images
    this.installation = installation
  }

  get engine(): ContainerEngine {
    return this.installation.engine
  }

  /** Another control plane of the same installation, on another way to a daemon. */
  engineOver(docker: Dockerode): ContainerEngine {
    const { images, installation } = this
    return createDockerEngine({ docker, installation: installation.id, nodeId: 'node', images })
  }

  specOf(command: string[], more: Partial<ContainerSpec> = {}): ContainerSpec {
    return {
      identity: { installation: this.installation.id, notebook: randomUUID(), generation: 1, role: 'notebook' },
      image: 'mover',
      command,
      env: {},
      user: '42420:42420',
      cpus: 1,
      memoryBytes: 128 * 2 ** 20,
      shmBytes: null,
      network: 'data',
      mounts: [],
      port: null,
      stdin: false,
      readOnlyRoot: true,
      ...more,
    }
  }

  /** Made and started. */
  async begin(command: string[], more: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.engine.create(this.specOf(command, more))
    await this.engine.start(id)
    return id
  }

  /** Started, and so far that it printed "ready". */
  async beginReady(command: string[], more: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.begin(command, more)
    for await (const line of this.engine.lines(id, NEVER)) {
      expect(line).toBe('ready')
      return id
    }
    throw new Error(`The container ended: ${(await this.engine.logTail(id, 10)).join('\n')}`)
  }

  /** All that it prints on stdout until it ends. */
  async outputOf(command: string[], more: Partial<ContainerSpec> = {}): Promise<string[]> {
    const lines: string[] = []
    for await (const line of this.engine.lines(await this.begin(command, more), NEVER)) lines.push(line)
    return lines
  }
}

/** For the tests of one file; wiped out after them. */
export function useDockerBench(): () => DockerBench {
  let bench: DockerBench
  beforeAll(async () => {
    const { docker } = dockerUnderTest()
    const images = await provideImages(docker)
    bench = new DockerBench(docker, images, await freshInstallation(docker, images))
  })
  afterAll(() => bench.installation[Symbol.asyncDispose]())
  return () => bench
}
