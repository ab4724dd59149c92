import { expect, test } from 'vitest'
import { freshDatabase } from '../../test/testkit/database.ts'

test('the database ends a transaction whose process stands still, sooner than those that wait for its rows give up', async () => {
  await using fresh = await freshDatabase()
  const [setting] = await fresh.database.$queryRaw<{ milliseconds: number }[]>`
    SELECT setting::integer AS "milliseconds" FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`
  expect(setting?.milliseconds).toBeGreaterThan(0)
  expect(setting?.milliseconds).toBeLessThan(30_000)
})
