-- The engine's volume with the manifests of a notebook's local copies is on record, as theirs are.
ALTER TABLE "Notebook" ADD COLUMN "sideVolume" TEXT;

-- Until now its name followed from installation and notebook.
UPDATE "Notebook" SET "sideVolume" = 'cahier-' || left((SELECT "id"::text FROM "Installation"), 8) || '-' || "id" || '-side'
WHERE EXISTS (SELECT FROM "LocalCopy" WHERE "LocalCopy"."notebookId" = "Notebook"."id");
