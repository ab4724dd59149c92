-- Syncs that a user wishes while a notebook runs: whether they may delete however much, and whether they were called off.
ALTER TABLE "DataSync"
  ADD COLUMN "confirmDeletions" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "cancelWished" BOOLEAN NOT NULL DEFAULT false;

-- The same for a save that is retried.
ALTER TABLE "Notebook" ADD COLUMN "confirmDeletions" BOOLEAN NOT NULL DEFAULT false;

-- What a mutation made, where it made several things.
ALTER TABLE "IdempotencyKey" ADD COLUMN "resultIds" UUID[] NOT NULL DEFAULT '{}';
