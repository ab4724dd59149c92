/** What the controller works with. Built once, in the composition root. */
import type { Logger } from 'pino'
import type { Vault } from '../access/vault.ts'
import type { ObjectStoreAddress } from '../config.ts'
import type { Catalogue } from '../domain/catalogue.ts'
import type { Clock } from '../domain/clock.ts'
import type { ContainerEngine } from '../engine/port.ts'
import type { Database } from '../store/database.ts'
import type { StepObserver } from './observer.ts'

export interface ControllerParts {
  database: Database
  engine: ContainerEngine
  catalogue: Catalogue
  vault: Vault
  clock: Clock
  log: Logger
  installation: string
  /** Where the platform keeps workspaces. */
  platformStore: ObjectStoreAddress
  workspaceBucket: string
  /** `host:port` of private addresses that movers may dial. */
  allowedPrivateAddresses: readonly string[]
  leaseSeconds: number
  sweepSeconds: number
  /** Between SIGTERM and SIGKILL of a notebook, in seconds; the contract's 30 by default. */
  stopGraceSeconds?: number
  /** Between two saves of a running notebook's workspace, in seconds; the contract's 300 by default. */
  checkpointSeconds?: number
  /** Whether minutes that were run beyond a budget while no control plane was there are left unbilled; they are by default. */
  waivesBeyondBudget?: boolean
  /** Told of every step; nobody by default. */
  observer?: StepObserver
}
