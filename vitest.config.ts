import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        // Needs Postgres only, and brings its own.
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/{api,house,lifecycle}/**/*.test.ts'],
          globalSetup: 'test/testkit/postgres-setup.ts',
        },
      },
      {
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
