-- A notebook that was made in the present stream epoch and never saved has nothing to pull. Those that are there already are
-- taken for saved.
ALTER TABLE "Notebook" ADD COLUMN "unsavedSinceEpoch" TEXT;
