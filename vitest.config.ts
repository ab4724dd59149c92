import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

/** Of the tests that stand beside the code, those that start programs of their own: slower, and not for every save. */
const WITH_PROGRAMS = ['src/boot/backup.test.ts', 'src/embedded/postgres.test.ts', 'src/store/migrate.test.ts']

/** On real parts too, but by hand: control planes killed at every step, and Docker daemons. See `npm run test:kill`. */
const BY_HAND = ['test/e2e/kill-matrix.test.ts', 'test/e2e/daemon.test.ts', 'test/e2e/daemon-store.test.ts']

/** Needs Postgres only, and brings its own. A machine that is busy with something else is no failure. */
const ON_POSTGRES = {
  globalSetup: 'test/testkit/postgres-setup.ts',
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

/** A real Docker daemon and a real S3 server, one file after the other. */
const ON_REAL_PARTS = {
  globalSetup: ['test/testkit/postgres-setup.ts', 'test/testkit/real-parts-setup.ts'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
  fileParallelism: false,
}

export default defineConfig({
  // As in Node: graphql has to be loaded once, and Vite would take its `module` beside the `main` that libraries get.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    maxWorkers: 2,
    // Tests keep no state in modules, so files can share a process.
    isolate: false,
    // One group after the other: those that run one file at a time cannot share a group with those that do not.
    projects: [
      {
        extends: true,
        // What stands beside the code: quick enough for every save.
        test: {
          ...ON_POSTGRES,
          name: 'unit',
          include: ['src/**/*.test.ts'],
          exclude: WITH_PROGRAMS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // The rules of the lifecycle and of the API: the whole control plane, on the fake engine.
        test: {
          ...ON_POSTGRES,
          name: 'rules',
          include: ['test/{api,lifecycle}/**/*.test.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        // Random histories of everything that can happen, on the fake engine.
        test: {
          name: 'model',
          include: ['test/model/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          globalSetup: 'test/testkit/postgres-setup.ts',
        },
      },
      {
        extends: true,
        // Kills and pauses real control-plane processes on a fake engine in a process of its own.
        test: {
          name: 'kill',
          include: ['test/kill/**/*.test.ts'],
          // A machine that is busy with something else is no failure.
          testTimeout: 600_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          // A test mostly waits for leases to run out.
          maxConcurrency: 4,
          sequence: { groupOrder: 3 },
          globalSetup: 'test/testkit/postgres-setup.ts',
        },
      },
      {
        extends: true,
        test: {
          ...ON_REAL_PARTS,
          name: 'real',
          include: ['test/{engine,data,e2e,house}/**/*.test.ts', ...WITH_PROGRAMS],
          exclude: BY_HAND,
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        // With CAHIER_KILL=full, the whole matrix of kills; without, the part of it that is quick.
        test: { ...ON_REAL_PARTS, name: 'real-kill', include: BY_HAND, sequence: { groupOrder: 5 } },
      },
    ],
  },
})
