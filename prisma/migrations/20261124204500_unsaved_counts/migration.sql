-- What the last failed try to save a local copy counted as not saved.
ALTER TABLE "LocalCopy" ADD COLUMN "unsavedFiles" INTEGER;
ALTER TABLE "LocalCopy" ADD COLUMN "unsavedBytes" BIGINT;
