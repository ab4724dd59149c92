-- No notebook is ever billed twice for the same moment, whatever writes. The extension comes with PostgreSQL.
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE "BillingPeriod" ADD CONSTRAINT "BillingPeriod_no_overlap"
  EXCLUDE USING gist ("notebookId" WITH =, tstzrange("startedAt", "endedAt") WITH &&);
