/** Errands: what a mover does on a store alone, with the keys and from the network that count. What it says is its result. */
import type { AddressGuard } from './address.ts'
import { type Errand, type ErrandReport, EXIT, PROTOCOL } from './protocol.ts'
import { removeAll } from './remove-all.ts'
import { S3Store } from './s3.ts'
import { StoreError } from './store.ts'
import { testStore } from './store-test.ts'

/** Answers the exit code; throws the signal's reason when it was cancelled, or a bug. */
export async function runErrand(
  errand: Errand,
  guard: AddressGuard,
  write: (report: ErrandReport) => void,
  signal: AbortSignal,
): Promise<number> {
  const report: ErrandReport = {
    protocol: PROTOCOL,
    operation: errand.operation,
    state: 'running',
    message: null,
    mayPass: false,
    checks: [],
    objectsRemoved: 0,
    bytesRemoved: 0,
  }
  const tell = (more: Partial<ErrandReport>) => write(Object.assign(report, more))
  try {
    if (errand.errand === 'test') await testStore(errand, guard, (checks) => tell({ checks }), signal)
    else {
      const store = new S3Store({ ...errand.source, prefix: '' }, guard, signal)
      try {
        for (const prefix of errand.prefixes)
          await removeAll(store, prefix, (objects, bytes) =>
            tell({ objectsRemoved: report.objectsRemoved + objects, bytesRemoved: report.bytesRemoved + bytes }),
          )
      } finally {
        store.close()
      }
    }
    tell({ state: 'done' })
    return EXIT.DONE
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof StoreError)) throw error
    const mayPass = error.kind === 'unavailable'
    tell({ state: 'failed', message: error.message, mayPass })
    return mayPass ? EXIT.STORE : EXIT.DATA
  }
}
