/** What the Docker daemon says while it builds, pulls or imports: JSON objects, one per line. */

/** The fields that are read here; a message has some of them. */
export interface DaemonMessage {
  /** Output of a build, by no means line by line. */
  stream?: string
  /** Of a pull: what happens to the layer `id`. */
  status?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  /** The work has failed; nothing comes after it. */
  error?: string
}

/** Ends with the stream; throws what the stream throws. */
export async function* daemonMessages(stream: NodeJS.ReadableStream): AsyncIterable<DaemonMessage> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim()) yield JSON.parse(line)
  }
  if (rest.trim()) yield JSON.parse(rest)
}
