/** The way to a Docker daemon. */
import Dockerode from 'dockerode'

/** `dockerHost` is a URL as in DOCKER_HOST: unix:, tcp:, http: or https:. Nothing is dialled yet. */
export function connectDocker(dockerHost: string): Dockerode {
  const { protocol, hostname, port, pathname } = new URL(dockerHost)
  // Without a host given, dockerode would take one from the environment.
  if (protocol === 'unix:') return new Dockerode({ socketPath: pathname, host: undefined, protocol: 'http' })
  const isTls = protocol === 'https:'
  return new Dockerode({ host: hostname, port: port || (isTls ? 2376 : 2375), protocol: isTls ? 'https' : 'http' })
}
