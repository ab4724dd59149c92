/**
 * A control plane that can be frozen between any two of its acts, as by SIGSTOP: what it was about to do waits, and is done
 * late once it thaws. One that never thaws was killed. Its database transactions are short and end by themselves.
 */
import type { Clock } from '../../src/domain/clock.ts'
import type { ContainerEngine } from '../../src/engine/port.ts'

export class Gate {
  #opened: PromiseWithResolvers<void> | null = null

  get isFrozen(): boolean {
    return this.#opened !== null
  }

  freeze(): void {
    this.#opened ??= Promise.withResolvers()
  }

  thaw(): void {
    this.#opened?.resolve()
    this.#opened = null
  }

  /** Resolves at once, or when it thaws. */
  async pass(): Promise<void> {
    while (this.#opened) await this.#opened.promise
  }
}

/** The engine behind a gate, before every call and after it. */
export function gatedEngine(engine: ContainerEngine, gate: Gate): ContainerEngine {
  return new Proxy(engine, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver)
      if (typeof member !== 'function') return member
      return name === 'lines' || name === 'events'
        ? (...args: unknown[]) => gatedStream(member.apply(target, args), gate)
        : (...args: unknown[]) => gatedCall(() => member.apply(target, args), gate)
    },
  })
}

async function gatedCall<T>(call: () => Promise<T>, gate: Gate): Promise<T> {
  await gate.pass()
  try {
    return await call()
  } finally {
    await gate.pass()
  }
}

async function* gatedStream<T>(stream: AsyncIterable<T>, gate: Gate): AsyncGenerator<T> {
  await gate.pass()
  for await (const item of stream) {
    await gate.pass()
    yield item
  }
}

/** What sleeps does not wake while it is frozen. */
export function gatedClock(clock: Clock, gate: Gate): Clock {
  return {
    now: () => clock.now(),
    random: () => clock.random(),
    async sleep(ms, signal) {
      await clock.sleep(ms, signal)
      await gate.pass()
    },
  }
}
