/**
 * A fake engine in a process of its own, for tests that kill control planes. `socketPath` is what a control plane is given
 * (see control-plane.ts); `control` is the test's hand on it.
 *
 *     await using engine = await startFakeEngine()
 *     await engine.control.failBucket('data', { kind: 'data', message: 'Access denied.' })
 *     await engine.control.history(installation)
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RemoteControl } from '../../src/engine/fake/control.ts'
import { connectFakeControl, connectFakeEngine } from '../../src/engine/fake/remote.ts'
import type { ContainerEngine } from '../../src/engine/port.ts'
import { startProcess } from './process.ts'

const PROCESS = fileURLToPath(new URL('fake-engine-process.ts', import.meta.url))

export interface FakeEngineProcess extends AsyncDisposable {
  socketPath: string
  control: RemoteControl
  engineOf(installation: string, nodeId: string): ContainerEngine
}

/** `images`: those that are there from the start. */
export async function startFakeEngine(images = ['mover', 'jupyterlab-python']): Promise<FakeEngineProcess> {
  // Short: a socket's path ends at 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), 'ce-'))
  const socketPath = join(folder, 's')
  const running = startProcess(PROCESS, [socketPath, ...images])
  await running.printed('ready')
  return {
    socketPath,
    control: connectFakeControl(socketPath),
    engineOf: (installation, nodeId) => connectFakeEngine({ socketPath, installation, nodeId }),
    async [Symbol.asyncDispose]() {
      await running.signal('SIGKILL')
      await rm(folder, { recursive: true })
    },
  }
}
