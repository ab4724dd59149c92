-- What a project is running, without going through what it ran.
CREATE INDEX "BillingPeriod_open_idx" ON "BillingPeriod" ("projectId", ("endedAt" IS NULL)) WHERE "endedAt" IS NULL;
