/** The way to a Docker daemon. */
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import Dockerode from 'dockerode'

/**
 * `dockerHost` is a URL as in DOCKER_HOST: unix:, tcp:, http: or https:. Nothing is dialled yet. Every call dials anew: a
 * daemon on its way down takes no new connection, but on those it has it tells of containers that it ends as if they ended
 * by themselves.
 */
export function connectDocker(dockerHost: string): Dockerode {
  const { protocol, hostname, port, pathname } = new URL(dockerHost)
  const isTls = protocol === 'https:'
  const agent = isTls ? new TlsAgent({ keepAlive: false }) : new Agent({ keepAlive: false })
  // Without a host given, dockerode would take one from the environment.
  const unix = { socketPath: pathname, host: undefined, protocol: 'http', agent } as const
  if (protocol === 'unix:') return new Dockerode(unix)
  const tcp = {
    host: hostname,
    port: port || (isTls ? 2376 : 2375),
    protocol: isTls ? 'https' : 'http',
    agent,
  } as const
  return new Dockerode(tcp)
}
