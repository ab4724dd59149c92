/**
 * "npm run down": ends the control plane, saves and stops every notebook, then stops the embedded parts. What cannot be saved
 * stays in the engine's volumes, and is named.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Foundation, layFoundation } from './boot/foundation.ts'
import { endControlPlane } from './boot/pid-file.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { type Config, readConfig } from './config.ts'
import { Controller } from './controller/controller.ts'
import { systemClock } from './domain/clock.ts'
import { stopEmbedded } from './embedded/down.ts'
import { countUnsettled, stopAllNotebooks, unsavedNotebooks } from './usecases/shutdown.ts'

const LOOK_EVERY_MS = 500

const say = (line: string): void => console.log(line)

await withoutStackTraces('Cahier cannot be taken down.', async () => {
  const config = readConfig()
  if (await endControlPlane(config.home)) say('The control plane has ended.')
  // A start writes that file when all parts are there: before, there can be no notebook.
  if (existsSync(join(config.home, 'env'))) {
    const foundation = await layFoundation(config, say)
    await stopNotebooks(config, foundation)
    await foundation.isolation.lower()
    await foundation.database.$disconnect()
  }
  await stopEmbedded(config.home, say)
  say('Cahier is down.')
})

async function stopNotebooks(config: Config, foundation: Foundation): Promise<void> {
  const { database } = foundation
  const controller = new Controller({
    ...foundation,
    clock: systemClock,
    log: pino({ level: config.logLevel }, pino.destination(2)),
    platformStore: foundation.store.address,
    leaseSeconds: config.leaseSeconds,
    sweepSeconds: config.sweepSeconds,
  })
  await stopAllNotebooks(database)
  controller.start()
  let said = 0
  for (;;) {
    const left = await countUnsettled(database)
    if (left > 0 && left !== said) say(`Saving and stopping ${left} ${left === 1 ? 'notebook' : 'notebooks'}.`)
    if (left === 0) break
    said = left
    await systemClock.sleep(LOOK_EVERY_MS, new AbortController().signal)
  }
  await controller.stop()
  const unsaved = await unsavedNotebooks(database)
  if (unsaved.length > 0)
    say(
      `Not everything could be saved; the files are kept on the node, and saved after the next start: ${unsaved.join(', ')}.`,
    )
}
