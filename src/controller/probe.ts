/** Whether an editor answers. */
const PROBE_TIMEOUT_MS = 2000

/** True when an HTTP GET of `path` answers with success. A refused or slow connection is a no, not an error. */
export async function editorAnswers(
  address: { host: string; port: number },
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS)
  try {
    const response = await fetch(`http://${address.host}:${address.port}${path}`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    })
    await response.body?.cancel()
    return response.ok
  } catch {
    signal.throwIfAborted()
    return false
  }
}
