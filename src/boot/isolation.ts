/**
 * Keeps notebooks away from this machine and its neighbours: the packet filter's rules for their network, set before a notebook
 * can start and looked after as long as the control plane lives, because whoever manages the machine's firewall may have
 * flushed them. Where they cannot be set Cahier runs all the same, and says so.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type Dockerode from 'dockerode'
import type { Logger } from 'pino'
import { bridgeName } from '../engine/docker/names.ts'
import { ensureNetworks } from '../engine/docker/networks.ts'
import { EngineUnavailableError } from '../engine/port.ts'
import { FirewallError, hostNameServers, lowerFirewall, raiseFirewall } from '../host/firewall.ts'
import type { Destination } from '../host/firewall-rules.ts'

const LOOK_AGAIN_MS = 60_000

export interface IsolationParts {
  docker: Dockerode
  installation: string
  /** What notebooks may reach all the same. */
  allowed: readonly Destination[]
}

export class Isolation {
  readonly #parts: IsolationParts
  #gap: string | null = null

  constructor(parts: IsolationParts) {
    this.#parts = parts
  }

  /** A sentence on what is not guarded; null: all is. As of the last time the rules were set. */
  get gap(): string | null {
    return this.#gap
  }

  /** Sets the rules. Idempotent. Throws EngineUnavailableError; rules that cannot be set are not an error but a gap. */
  async raise(): Promise<void> {
    const { docker, installation, allowed } = this.#parts
    const { notebooks } = await ensureNetworks(docker, installation)
    const guard = { ...guardOf(installation), nameServers: await hostNameServers(), allowed }
    try {
      await raiseFirewall(guard, notebooks)
      this.#gap = null
    } catch (error) {
      if (!(error instanceof FirewallError)) throw error
      this.#gap = `Notebooks can reach this machine and private addresses, because Cahier cannot set firewall rules: ${error.message}.`
    }
  }

  /** Sets them again every minute until the signal aborts. */
  async hold(signal: AbortSignal, log: Logger): Promise<void> {
    for (;;) {
      await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      const before = this.#gap
      try {
        await this.raise()
        if (this.#gap && this.#gap !== before) log.warn(this.#gap)
      } catch (error) {
        if (error instanceof EngineUnavailableError)
          log.debug({ reason: error.message }, 'firewall rules not looked at')
        else log.error({ err: error }, 'could not look after the firewall rules')
      }
    }
  }

  /** Takes the rules out again. For when no notebook runs any more. */
  async lower(): Promise<void> {
    await lowerFirewall(guardOf(this.#parts.installation))
  }
}

function guardOf(installation: string): { bridge: string; mark: string } {
  return { bridge: bridgeName(installation, 'notebooks'), mark: `cahier:${installation}` }
}
