-- The runs that were under way at the beginning of a month, without going through those before and after it.
CREATE INDEX "BillingPeriod_run_idx" ON "BillingPeriod" USING gist (tstzrange("startedAt", "endedAt"));
