import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // As in Node: graphql has to be loaded once, and Vite would take its `module` beside the `main` that libraries get.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    projects: [
      {
        extends: true,
        // Needs Postgres only, and brings its own.
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/{api,house,lifecycle}/**/*.test.ts'],
          globalSetup: 'test/testkit/postgres-setup.ts',
        },
      },
      {
        extends: true,
        // On a real Docker daemon and a real S3 server.
        test: {
          name: 'real',
          include: ['test/{engine,data,e2e}/**/*.test.ts'],
          globalSetup: ['test/testkit/postgres-setup.ts', 'test/testkit/real-parts-setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
