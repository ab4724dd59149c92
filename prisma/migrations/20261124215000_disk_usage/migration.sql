-- What notebooks use of their nodes' disks, and when each node is to be measured again.
ALTER TABLE "EngineNode" ADD COLUMN "diskDueAt" TIMESTAMPTZ(3);

CREATE TABLE "DiskUsage" (
    "notebookId" UUID NOT NULL,
    "nodeId" TEXT NOT NULL,
    "usedBytes" BIGINT NOT NULL,
    "measuredAt" TIMESTAMPTZ(3) NOT NULL,
    "isNearlyFull" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "DiskUsage_pkey" PRIMARY KEY ("notebookId")
);

CREATE INDEX "DiskUsage_nodeId_idx" ON "DiskUsage"("nodeId");

ALTER TABLE "DiskUsage" ADD CONSTRAINT "DiskUsage_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "DiskUsage" ADD CONSTRAINT "DiskUsage_nodeId_fkey" FOREIGN KEY ("nodeId") REFERENCES "EngineNode"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
