/**
 * One build by the daemon's classic builder, which every Docker has. When the signal aborts, the connection is closed,
 * and the daemon ends the step it was in.
 */
import type Dockerode from 'dockerode'
import { asPortError } from '../engine/docker/call.ts'
import { ImageError, type ImageProgress } from '../engine/port.ts'
import { BuildOutput } from './build-output.ts'
import { packContext } from './context.ts'
import { daemonMessages } from './messages.ts'
import { proxyArguments } from './proxies.ts'
import type { BuildRecipe } from './recipe.ts'

/** `base` is the name of the image that the Dockerfile gets as BASE. Throws ImageError, EngineUnavailableError, or the signal's reason. */
export async function buildImage(
  docker: Dockerode,
  recipe: BuildRecipe,
  base: string | null,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const output = new BuildOutput(recipe.id, onProgress)
  try {
    const messages = await docker.buildImage(packContext(recipe.files), {
      t: recipe.name,
      version: '1',
      forcerm: true,
      buildargs: { ...proxyArguments(), ...recipe.args, ...(base && { BASE: base }) },
      abortSignal: signal,
    })
    for await (const { stream, error } of daemonMessages(messages)) {
      if (stream) output.add(stream)
      if (error) throw new ImageError(`Building the image ${recipe.id} failed: ${error}\n${output.tail()}`)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw asPortError(`build the image ${recipe.id}`, error)
  }
}
