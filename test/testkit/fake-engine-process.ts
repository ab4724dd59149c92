/**
 * The process of a fake engine: a daemon with notebooks and movers that work on files, behind the socket that it was given.
 * It outlives every control plane, and ends with whoever started it.
 */
import { FakeControl } from '../../src/engine/fake/control.ts'
import { FakeDaemon } from '../../src/engine/fake/daemon.ts'
import { startFakeEditor } from '../../src/engine/fake/editor.ts'
import { serveFakeDaemon } from '../../src/engine/fake/server.ts'

const [socketPath = '', ...images] = process.argv.slice(2)

const editor = await startFakeEditor()
const daemon = new FakeDaemon({ now: () => new Date(), images })
daemon.address = editor.address
daemon.programs = daemon.workPrograms()
await serveFakeDaemon(daemon, new FakeControl(daemon, editor), socketPath)
console.log('ready')

// The other end of stdin is the starter's: it closes when that one dies, however it does.
process.stdin.on('end', () => process.exit()).resume()
