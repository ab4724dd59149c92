/** Tests of data stores: what is wrong with one, check by check. */
import type { StoreErrand } from '../generated/prisma/client.ts'
import { builder } from './builder.ts'
import { DataStoreCheckName, DataStoreCheckOutcome, DataStoreTestState } from './enums.ts'

interface DataStoreCheck {
  check: typeof DataStoreCheckName.$inferType
  outcome: typeof DataStoreCheckOutcome.$inferType
  message: string | null
}

const DataStoreCheckRef = builder.objectRef<DataStoreCheck>('DataStoreCheck').implement({
  description: 'One thing that a notebook needs of a data store, tried.',
  fields: (t) => ({
    check: t.expose('check', { type: DataStoreCheckName, description: 'What was tried.' }),
    outcome: t.expose('outcome', { type: DataStoreCheckOutcome, description: 'How that went.' }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'What is wrong, or was found out, in one sentence for people. Never holds keys.',
    }),
  }),
})

const checksOf = ({ checks }: StoreErrand): DataStoreCheck[] => checks as unknown as DataStoreCheck[]

export const DataStoreTestRef = builder.objectRef<StoreErrand>('DataStoreTest').implement({
  description: 'A test of a data store with one of its buckets, made from where notebooks’ data is moved.',
  fields: (t) => ({
    state: t.expose('state', { type: DataStoreTestState, description: 'How far it is.' }),
    bucket: t.exposeString('bucket', { description: 'With which bucket it is tried.' }),
    prefix: t.exposeString('prefix', { description: 'Below which prefix of the bucket; empty: the whole of it.' }),
    checks: t.field({
      type: [DataStoreCheckRef],
      description: 'What is found out so far, in the order in which it is tried; at the end every check is there.',
      complexity: { field: 1, multiplier: 10 },
      resolve: checksOf,
    }),
    passed: t.boolean({
      nullable: true,
      description: 'Whether no check failed; null until all are made.',
      resolve: (test) => (test.state === 'DONE' ? checksOf(test).every(({ outcome }) => outcome !== 'FAILED') : null),
    }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'Why the test could not be made, or is begun again; that says nothing of the store.',
    }),
    wishedAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
})
