/** What an installation of a test made in an engine, removed. */
import type Dockerode from 'dockerode'

export async function removeInstallation(docker: Dockerode, installation: string): Promise<void> {
  const filters = { label: [`cahier.installation=${installation}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true, v: true })
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) })
  for (const { Name } of Volumes) await docker.getVolume(Name).remove()
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
}
