-- Which warning of the present run's deadline was given last, in seconds ahead of it; null: none yet.
ALTER TABLE "Notebook" ADD COLUMN "warnedAhead" INTEGER;
