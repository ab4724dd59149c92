-- When the database was last put in place from a backup.
ALTER TABLE "Installation" ADD COLUMN "restoredAt" TIMESTAMPTZ(3);
