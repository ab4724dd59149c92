-- What a mover does on a store alone: tries a data store, or removes what lies below a prefix.
CREATE TYPE "ErrandKind" AS ENUM ('TEST', 'REMOVE');
CREATE TYPE "ErrandState" AS ENUM ('PENDING', 'RUNNING', 'DONE', 'FAILED');
CREATE TABLE "StoreErrand" (
    "id" UUID NOT NULL,
    "kind" "ErrandKind" NOT NULL,
    "dataStoreId" UUID,
    "notebookId" UUID,
    "bucket" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "state" "ErrandState" NOT NULL DEFAULT 'PENDING',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "message" TEXT,
    "checks" JSONB NOT NULL DEFAULT '[]',
    "objectsRemoved" INTEGER NOT NULL DEFAULT 0,
    "bytesRemoved" BIGINT NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claimedUntil" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    CONSTRAINT "StoreErrand_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "StoreErrand_state_dueAt_idx" ON "StoreErrand"("state", "dueAt");
CREATE INDEX "StoreErrand_dataStoreId_createdAt_idx" ON "StoreErrand"("dataStoreId", "createdAt");
CREATE INDEX "StoreErrand_notebookId_createdAt_idx" ON "StoreErrand"("notebookId", "createdAt");
ALTER TABLE "StoreErrand" ADD CONSTRAINT "StoreErrand_dataStoreId_fkey" FOREIGN KEY ("dataStoreId") REFERENCES "DataStore"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "StoreErrand" ADD CONSTRAINT "StoreErrand_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE SET NULL ON UPDATE CASCADE;
