/** What the global set-ups provide to tests, by `inject`. */
import 'vitest'
import type { ObjectStoreAddress } from '../../src/config.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A Postgres server of this test run, by an administrator's URL. */
    postgresUrl: string
    /** A Docker daemon with the images of the catalogue. */
    dockerHost: string
    /** A real S3 server of this test run, with an administrator's keys. */
    s3: ObjectStoreAddress
    /** A catalogue file with a light notebook, whose image the daemon has; see light-catalogue.ts. */
    lightCatalogue: string
  }
}
