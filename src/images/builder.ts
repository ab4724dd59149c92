/**
 * Provides the images of the catalogue on one Docker daemon: what is there is used, what is missing is pulled or built,
 * the image it needs first, and once for any number of callers at the same time.
 */
import type Dockerode from 'dockerode'
import type { Catalogue } from '../domain/catalogue.ts'
import { call, LIMIT, unless } from '../engine/docker/call.ts'
import { ImageError, type ImageProgress } from '../engine/port.ts'
import { bootstrapDebian, substituteFor } from './base.ts'
import { buildImage } from './build.ts'
import { pullImage } from './pull.ts'
import { type Recipe, readRecipe } from './recipe.ts'
import { SharedTasks } from './shared-task.ts'

const NOT_FOUND = 404

type OnProgress = (progress: ImageProgress) => void

export class ImageBuilder {
  readonly #docker: Dockerode
  readonly #catalogue: Catalogue
  readonly #imagesFolder: string
  readonly #recipes = new Map<string, Recipe>()
  readonly #tasks = new SharedTasks<string, ImageProgress>()

  /** Recipes are read from `imagesFolder` when they are first asked for, and kept. */
  constructor(docker: Dockerode, catalogue: Catalogue, imagesFolder: string) {
    this.#docker = docker
    this.#catalogue = catalogue
    this.#imagesFolder = imagesFolder
  }

  /** The name that the daemon knows the image by. Throws ImageError for an id that the catalogue lacks. */
  nameOf(id: string): string {
    return this.#recipe(id).name
  }

  async isThere(id: string): Promise<boolean> {
    return this.#has(this.nameOf(id))
  }

  /**
   * Resolves when the image is there. A progress with the same message as the one before is a sign of life. Throws
   * ImageError, EngineUnavailableError, or the signal's reason; the work goes on while another caller waits for it.
   */
  async provide(id: string, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
    await this.#provide(this.#recipe(id), onProgress, signal)
  }

  /** Resolves with the name to use, which is another one where Debian had to be bootstrapped. */
  async #provide(recipe: Recipe, onProgress: OnProgress, signal: AbortSignal): Promise<string> {
    if (await this.#has(recipe.name)) return recipe.name
    return this.#tasks.run(recipe.name, (tell, abort) => this.#make(recipe, tell, abort), onProgress, signal)
  }

  async #make(recipe: Recipe, onProgress: OnProgress, signal: AbortSignal): Promise<string> {
    if (recipe.kind === 'pull') return this.#pull(recipe.name, onProgress, signal)
    const base = recipe.needs && (await this.#provide(recipe.needs, onProgress, signal))
    await buildImage(this.#docker, recipe, base, onProgress, signal)
    return recipe.name
  }

  /** Debian itself can be had without a registry. */
  async #pull(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<string> {
    const substitute = substituteFor(reference)
    if (substitute && (await this.#has(substitute.name))) return substitute.name
    try {
      await pullImage(this.#docker, reference, onProgress, signal)
      return reference
    } catch (error) {
      if (!substitute || !(error instanceof ImageError)) throw error
      onProgress({
        message: `${reference} is out of reach: bootstrapping Debian from its packages`,
        bytesDone: null,
        bytesTotal: null,
      })
      await bootstrapDebian(this.#docker, substitute, onProgress, signal)
      return substitute.name
    }
  }

  #has(name: string): Promise<boolean> {
    return call('look for an image', LIMIT.READ, () =>
      unless(
        NOT_FOUND,
        this.#docker
          .getImage(name)
          .inspect()
          .then(() => true),
        false,
      ),
    )
  }

  #recipe(id: string): Recipe {
    const known = this.#recipes.get(id)
    if (known) return known
    const recipe = readRecipe(this.#catalogue, this.#imagesFolder, id)
    this.#recipes.set(id, recipe)
    return recipe
  }
}
