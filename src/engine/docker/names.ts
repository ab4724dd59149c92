/**
 * Names and labels of everything made in Docker. The labels are the truth (a sweep looks at nothing else); the names make
 * a second container of one identity impossible.
 */
import type { Identity } from '../port.ts'

const INSTALLATION = 'cahier.installation'
const NOTEBOOK = 'cahier.notebook'
const GENERATION = 'cahier.generation'
const ROLE = 'cahier.role'

export type Labels = Record<string, string>

export function containerName({ installation, notebook, generation, role }: Identity): string {
  return `${installation}-${notebook}-g${generation}-${role}`
}

export function networkName(installation: string, network: 'data' | 'notebooks'): string {
  return `cahier-${installation.slice(0, 8)}-${network}`
}

/** The kernel's name of a network's bridge, of which it takes 15 characters. */
export function bridgeName(installation: string, network: 'data' | 'notebooks'): string {
  return `ca-${installation.slice(0, 8)}-${network.slice(0, 1)}`
}

export function installationLabels(installation: string): Labels {
  return { [INSTALLATION]: installation }
}

/** Volumes outlive generations, so they carry no more than whose they are. */
export function volumeLabels({ installation, notebook }: Identity): Labels {
  return { ...installationLabels(installation), [NOTEBOOK]: notebook }
}

export function containerLabels(identity: Identity): Labels {
  return { ...volumeLabels(identity), [GENERATION]: String(identity.generation), [ROLE]: identity.role }
}

/** A filter of Docker's lists and events: containers of one installation, whatever their role. */
export function containersOf(installation: string): { label: string[] } {
  return { label: [`${INSTALLATION}=${installation}`, ROLE] }
}

export function belongsTo(installation: string, labels: Labels): boolean {
  return labels[INSTALLATION] === installation
}

/** Null for a container that this system did not make. */
export function identityFrom(labels: Labels): Identity | null {
  const { [INSTALLATION]: installation, [NOTEBOOK]: notebook, [ROLE]: role } = labels
  const generation = Number(labels[GENERATION])
  if (!installation || !notebook || !Number.isInteger(generation)) return null
  if (role !== 'notebook' && role !== 'mover' && role !== 'rescue' && role !== 'errand') return null
  return { installation, notebook, generation, role }
}

/** A filter of Docker's list of volumes: those of one installation's notebooks. */
export function volumesOf(installation: string): { label: string[] } {
  return { label: [`${INSTALLATION}=${installation}`, NOTEBOOK] }
}

/** Whose volume it is, by its labels. */
export function notebookFrom(labels: Labels | null): string | null {
  return labels?.[NOTEBOOK] ?? null
}
