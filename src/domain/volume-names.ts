/**
 * Names of the engine's volumes. Each set of local copies has a tag of its own: no volume is ever made again under the name of
 * one that was removed, so a removal that comes late meets nothing, and a volume of another time is never taken for the present.
 */

/** What a volume holds: "workspace", a volume's id, or "side", which is the manifests and results of the others. */
export type VolumeContent = string

/** `tag`: the set's own, letters and digits. */
export function engineVolumeName(
  installation: string,
  notebookId: string,
  tag: string,
  content: VolumeContent,
): string {
  return `cahier-${installation.slice(0, 8)}-${notebookId}-${tag}-${content}`
}

/** What is in a volume of that notebook, from its name; null for a name that is not ours. Names of before there were tags are read too. */
export function contentOfVolume(name: string, notebookId: string): VolumeContent | null {
  const [, rest] = name.split(`-${notebookId}-`)
  return rest?.match(/^(?:[0-9a-z]{8}-)?(workspace|side|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/)?.[1] ?? null
}
