-- While a notebook runs, its workspace is saved every five minutes. Those that run already are due in five.
ALTER TABLE "Notebook" ADD COLUMN "checkpointAt" TIMESTAMPTZ(3);
ALTER TABLE "LocalCopy" ADD COLUMN "checkpointError" TEXT;
ALTER TABLE "DataSync" ADD COLUMN "isCheckpoint" BOOLEAN NOT NULL DEFAULT false;

UPDATE "Notebook" SET "checkpointAt" = cahier_now() + interval '5 minutes',
  "dueAt" = LEAST("dueAt", cahier_now() + interval '5 minutes')
WHERE "state" = 'RUNNING' AND "deletedAt" IS NULL;
