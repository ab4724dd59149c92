/** What an installation of a test made in an engine and on its machine, removed. */
import type Dockerode from 'dockerode'
import { Isolation } from '../../src/boot/isolation.ts'

export async function removeInstallation(docker: Dockerode, installation: string): Promise<void> {
  const filters = { label: [`cahier.installation=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true, v: true })
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) })
  for (const { Name } of Volumes) await docker.getVolume(Name).remove()
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
  await new Isolation({ docker, installation, allowed: [] }).lower()
}
