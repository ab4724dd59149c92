/**
 * Work that is done once for any number of callers at the same time. Each hears of its progress and may give up; the work
 * itself is aborted when the last of them did.
 */

export type Work<T, Progress> = (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<T>

interface Task<T, Progress> {
  result: Promise<T>
  controller: AbortController
  listeners: Set<(progress: Progress) => void>
  latest: { progress: Progress } | null
}

export class SharedTasks<T, Progress> {
  readonly #tasks = new Map<string, Task<T, Progress>>()

  /** Joins the work of that key, or begins it. Who joins hears the latest progress at once. Rejects with the signal's reason when it aborts. */
  async run(
    key: string,
    work: Work<T, Progress>,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted()
    const task = this.#tasks.get(key) ?? this.#begin(key, work)
    // A function of its own, because two callers may pass the same one.
    const listener = (progress: Progress) => onProgress(progress)
    task.listeners.add(listener)
    if (task.latest) listener(task.latest.progress)

    const { promise: givenUp, reject } = Promise.withResolvers<never>()
    const giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp)
    try {
      return await Promise.race([task.result, givenUp])
    } finally {
      signal.removeEventListener('abort', giveUp)
      task.listeners.delete(listener)
      if (task.listeners.size === 0) this.#abandon(key, task)
    }
  }

  #begin(key: string, work: Work<T, Progress>): Task<T, Progress> {
    const controller = new AbortController()
    const listeners: Task<T, Progress>['listeners'] = new Set()
    const publish = (progress: Progress) => {
      task.latest = { progress }
      for (const listener of listeners) listener(progress)
    }
    const result = work(publish, controller.signal)
    // Each caller handles a failure for itself; when all gave up before, none is left to.
    result.catch(() => undefined)
    const task: Task<T, Progress> = { result, controller, listeners, latest: null }
    this.#tasks.set(key, task)
    return task
  }

  /** Whoever comes later begins anew. Aborting work that has ended does nothing. */
  #abandon(key: string, task: Task<T, Progress>): void {
    if (this.#tasks.get(key) === task) this.#tasks.delete(key)
    task.controller.abort()
  }
}
