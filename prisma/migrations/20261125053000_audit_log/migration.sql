-- Who did what, or tried to.
CREATE TYPE "AuditOutcome" AS ENUM ('DONE', 'REFUSED', 'FAILED');
CREATE TABLE "AuditEntry" (
  "id" UUID NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "projectId" UUID,
  "userId" UUID NOT NULL,
  "tokenId" UUID NOT NULL,
  "mutation" TEXT NOT NULL,
  "subject" TEXT,
  "outcome" "AuditOutcome" NOT NULL,
  "code" TEXT,
  "message" TEXT,
  CONSTRAINT "AuditEntry_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "AuditEntry_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "AuditEntry_projectId_at_id_idx" ON "AuditEntry"("projectId", "at", "id");
