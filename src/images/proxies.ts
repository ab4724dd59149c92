/** Builds reach Debian's packages the way this machine does: through its proxies, where it has some. */

const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()])

/** Build arguments that Docker knows by itself and keeps out of images. */
export function proxyArguments(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(NAMES.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])))
}
