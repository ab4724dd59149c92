-- What a project's calendar month may cost, and what happens then.
CREATE TYPE "OnBudgetReached" AS ENUM ('NOTIFY', 'STOP');
CREATE TABLE "Budget" (
  "projectId" UUID NOT NULL,
  "amountMicros" BIGINT NOT NULL CHECK ("amountMicros" >= 0),
  "currency" TEXT NOT NULL,
  "onReached" "OnBudgetReached" NOT NULL,
  "month" TEXT,
  "toldPercent" INTEGER NOT NULL DEFAULT 0,
  "stopAt" TIMESTAMPTZ(3),
  "dueAt" TIMESTAMPTZ(3),
  "wakes" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "Budget_pkey" PRIMARY KEY ("projectId"),
  CONSTRAINT "Budget_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "Budget_dueAt_idx" ON "Budget"("dueAt");

-- Of the commenced minutes, those that nobody pays: run beyond a budget while no control plane was there to stop them.
ALTER TABLE "BillingPeriod" ADD COLUMN "waivedMinutes" INTEGER NOT NULL DEFAULT 0,
  ADD CONSTRAINT "BillingPeriod_waived_check" CHECK ("waivedMinutes" >= 0 AND "waivedMinutes" <= coalesce("minutes", 0));
