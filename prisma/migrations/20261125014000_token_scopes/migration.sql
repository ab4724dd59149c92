-- What a token may do of what its user may: at most a role, perhaps only in one project, perhaps only with notebooks of a label.
ALTER TABLE "ApiToken" ADD COLUMN "role" "Role" NOT NULL DEFAULT 'OWNER',
  ADD COLUMN "projectId" UUID,
  ADD COLUMN "labelName" TEXT,
  ADD COLUMN "labelValue" TEXT,
  ADD CONSTRAINT "ApiToken_label_check" CHECK (("labelName" IS NULL) = ("labelValue" IS NULL)),
  ADD CONSTRAINT "ApiToken_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE INDEX "ApiToken_userId_createdAt_id_idx" ON "ApiToken"("userId", "createdAt", "id");
