/**
 * The two bridge networks of an installation on a node: `data` for movers, which reach stores, and `notebooks`, whose
 * members reach the internet but not each other. Two for any number of notebooks, because Docker's address pools hold about thirty.
 *
 * Docker takes two networks of one name when they are made at the same time. It does not take two with one kernel
 * bridge, so the bridge's name is what keeps each network single.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type Dockerode from 'dockerode'
import { EngineUnavailableError } from '../port.ts'
import { call, LIMIT, statusOf } from './call.ts'
import { bridgeName, installationLabels, networkName } from './names.ts'

export interface BridgeNetwork {
  name: string
  /** Address of the node on this network: what is published there answers the node and the network's containers. */
  gateway: string
  ipv6: boolean
}

export interface Networks {
  data: BridgeNetwork
  notebooks: BridgeNetwork
}

/** Makes the networks that are missing. Idempotent, also when called at the same time. Throws EngineUnavailableError. */
export async function ensureNetworks(docker: Dockerode, installation: string): Promise<Networks> {
  const [data, notebooks] = await Promise.all([
    ensureNetwork(docker, installation, 'data', {}),
    ensureNetwork(docker, installation, 'notebooks', { 'com.docker.network.bridge.enable_icc': 'false' }),
  ])
  return { data, notebooks }
}

async function ensureNetwork(
  docker: Dockerode,
  installation: string,
  network: 'data' | 'notebooks',
  options: Record<string, string>,
): Promise<BridgeNetwork> {
  const name = networkName(installation, network)
  const there = await find(docker, name)
  if (there) return there
  await create(docker, {
    Name: name,
    Driver: 'bridge',
    CheckDuplicate: true,
    Options: { ...options, 'com.docker.network.bridge.name': bridgeName(installation, network) },
    Labels: installationLabels(installation),
  })
  return awaitIt(docker, name)
}

/** A refusal because it is there already (409 for the name, 403 for the bridge) is as good as having made it. */
async function create(docker: Dockerode, options: Dockerode.NetworkCreateOptions): Promise<void> {
  try {
    await call(`make the network ${options.Name}`, LIMIT.WRITE, (abortSignal) =>
      docker.createNetwork({ ...options, abortSignal }),
    )
  } catch (error) {
    const status = statusOf(error)
    if (status !== 409 && status !== 403) throw error
  }
}

/** A network that someone else is making right now shows in the list a moment after it refuses a second one. */
async function awaitIt(docker: Dockerode, name: string): Promise<BridgeNetwork> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const network = await find(docker, name)
    if (network) return network
    await delay(100)
  }
  throw new EngineUnavailableError(`Docker says that the network ${name} is there, but does not list it.`)
}

async function find(docker: Dockerode, name: string): Promise<BridgeNetwork | null> {
  const networks = await call('list networks', LIMIT.READ, (abortSignal) =>
    docker.listNetworks({ filters: { name: [name] }, abortSignal }),
  )
  // The filter takes any part of a name.
  const network = networks.find(({ Name }) => Name === name)
  if (!network) return null
  const gateway = network.IPAM?.Config?.find(({ Gateway }) => Gateway)?.Gateway
  if (!gateway) throw new Error(`The network ${name} has no gateway address; remove it, so that it is made anew.`)
  return { name, gateway, ipv6: network.EnableIPv6 ?? false }
}
