-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('OWNER', 'OPERATOR', 'READER');

-- CreateEnum
CREATE TYPE "NotebookState" AS ENUM ('STARTING', 'RUNNING', 'STOPPING', 'STOPPED', 'FAILED', 'ERROR', 'DELETING');

-- CreateEnum
CREATE TYPE "NotebookPhase" AS ENUM ('QUEUED', 'PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER', 'STOPPING_CONTAINER', 'SAVING_WORKSPACE', 'PUSHING_DATA', 'REMOVING');

-- CreateEnum
CREATE TYPE "StateReason" AS ENUM ('USER', 'RUN_LIMIT', 'IDLE', 'BUDGET', 'EXITED', 'OUT_OF_MEMORY', 'CONTAINER_LOST', 'DATA_ACCESS', 'DISK_FULL', 'IMAGE', 'CAPACITY', 'PLATFORM');

-- CreateEnum
CREATE TYPE "Wish" AS ENUM ('RUNNING', 'STOPPED', 'DELETED');

-- CreateEnum
CREATE TYPE "VolumePermission" AS ENUM ('RO', 'RW', 'RWD');

-- CreateEnum
CREATE TYPE "ContainerRole" AS ENUM ('NOTEBOOK', 'MOVER');

-- CreateEnum
CREATE TYPE "ContainerPurpose" AS ENUM ('RUN', 'PULL', 'SAVE', 'PUSH');

-- CreateEnum
CREATE TYPE "SyncDirection" AS ENUM ('PULL', 'PUSH');

-- CreateEnum
CREATE TYPE "SyncState" AS ENUM ('PENDING', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "PeriodEndSource" AS ENUM ('TRANSACTION', 'ENGINE', 'LIVENESS');

-- CreateTable
CREATE TABLE "Installation" (
    "id" UUID NOT NULL,
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Installation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EngineNode" (
    "id" TEXT NOT NULL,
    "milliCpus" INTEGER NOT NULL,
    "memoryBytes" BIGINT NOT NULL,
    "gpus" JSONB NOT NULL DEFAULT '[]',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "EngineNode_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "User" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Member" (
    "userId" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "role" "Role" NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Member_pkey" PRIMARY KEY ("userId","projectId")
);

-- CreateTable
CREATE TABLE "ApiToken" (
    "id" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ApiToken_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Project" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" TIMESTAMPTZ(3),
    "eventCounter" BIGINT NOT NULL DEFAULT 0,
    "streamEpoch" TEXT NOT NULL DEFAULT encode("substring"(uuid_send(gen_random_uuid()), 1, 6), 'hex'::text),
    "accessEpoch" BIGINT NOT NULL DEFAULT 0,
    "maxGpus" INTEGER NOT NULL DEFAULT 4,
    "maxVcpus" INTEGER NOT NULL DEFAULT 24,

    CONSTRAINT "Project_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DataStore" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "endpoint" TEXT NOT NULL,
    "region" TEXT NOT NULL,
    "pathStyle" BOOLEAN NOT NULL,
    "credentials" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "DataStore_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Notebook" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "editor" TEXT NOT NULL,
    "framework" TEXT NOT NULL,
    "frameworkVersion" TEXT NOT NULL,
    "flavor" TEXT NOT NULL,
    "units" INTEGER NOT NULL,
    "autoRestart" BOOLEAN NOT NULL DEFAULT false,
    "idleTimeoutSeconds" INTEGER,
    "maxRunSeconds" INTEGER,
    "publicAccess" BOOLEAN NOT NULL DEFAULT false,
    "env" BYTEA,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),
    "state" "NotebookState" NOT NULL DEFAULT 'STARTING',
    "phase" "NotebookPhase",
    "phaseStartedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "reason" "StateReason",
    "message" TEXT,
    "startedAt" TIMESTAMPTZ(3),
    "stopsAt" TIMESTAMPTZ(3),
    "stoppedAt" TIMESTAMPTZ(3),
    "exitCode" INTEGER,
    "oomKilled" BOOLEAN,
    "logTail" JSONB,
    "desired" "Wish" NOT NULL DEFAULT 'RUNNING',
    "desiredReason" "StateReason",
    "restartWished" BOOLEAN NOT NULL DEFAULT false,
    "endState" "NotebookState",
    "endReason" "StateReason",
    "endMessage" TEXT,
    "eventSeq" BIGINT NOT NULL DEFAULT 0,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "nodeId" TEXT,
    "heldMilliCpus" INTEGER NOT NULL DEFAULT 0,
    "heldMemoryBytes" BIGINT NOT NULL DEFAULT 0,
    "heldGpus" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "retryAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3),
    "wakes" INTEGER NOT NULL DEFAULT 0,
    "leaseOwner" UUID,
    "leaseEpoch" INTEGER NOT NULL DEFAULT 0,
    "leaseUntil" TIMESTAMPTZ(3),

    CONSTRAINT "Notebook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "NotebookLabel" (
    "notebookId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "NotebookLabel_pkey" PRIMARY KEY ("notebookId","name")
);

-- CreateTable
CREATE TABLE "Volume" (
    "id" UUID NOT NULL,
    "notebookId" UUID NOT NULL,
    "index" INTEGER NOT NULL,
    "dataStoreId" UUID NOT NULL,
    "bucket" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "mountPath" TEXT NOT NULL,
    "permission" "VolumePermission" NOT NULL,

    CONSTRAINT "Volume_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Container" (
    "id" TEXT NOT NULL,
    "notebookId" UUID NOT NULL,
    "generation" INTEGER NOT NULL,
    "role" "ContainerRole" NOT NULL,
    "purpose" "ContainerPurpose" NOT NULL,
    "nodeId" TEXT NOT NULL,
    "operation" UUID NOT NULL,
    "host" TEXT,
    "port" INTEGER,
    "settled" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAliveAt" TIMESTAMPTZ(3),

    CONSTRAINT "Container_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "LocalCopy" (
    "notebookId" UUID NOT NULL,
    "target" TEXT NOT NULL,
    "nodeId" TEXT NOT NULL,
    "engineVolume" TEXT NOT NULL,
    "written" BOOLEAN NOT NULL DEFAULT false,
    "writtenSince" TIMESTAMPTZ(3),
    "saveError" TEXT,
    "saveFault" "NotebookState",
    "pulledAt" TIMESTAMPTZ(3),
    "savedAt" TIMESTAMPTZ(3),

    CONSTRAINT "LocalCopy_pkey" PRIMARY KEY ("notebookId","target")
);

-- CreateTable
CREATE TABLE "DataSync" (
    "id" UUID NOT NULL,
    "notebookId" UUID NOT NULL,
    "volumeId" UUID,
    "direction" "SyncDirection" NOT NULL,
    "state" "SyncState" NOT NULL DEFAULT 'PENDING',
    "operation" UUID NOT NULL,
    "filesDone" INTEGER NOT NULL DEFAULT 0,
    "filesTotal" INTEGER,
    "filesSkipped" INTEGER NOT NULL DEFAULT 0,
    "filesDeleted" INTEGER NOT NULL DEFAULT 0,
    "filesFailed" INTEGER NOT NULL DEFAULT 0,
    "bytesDone" BIGINT NOT NULL DEFAULT 0,
    "bytesTotal" BIGINT,
    "bytesPerSecond" DOUBLE PRECISION,
    "eta" TIMESTAMPTZ(3),
    "failures" JSONB NOT NULL DEFAULT '[]',
    "conflicts" JSONB NOT NULL DEFAULT '[]',
    "deletionsHeld" INTEGER NOT NULL DEFAULT 0,
    "message" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "progressedAt" TIMESTAMPTZ(3),
    "revision" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "DataSync_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Event" (
    "projectId" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "notebookId" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Event_pkey" PRIMARY KEY ("projectId","seq")
);

-- CreateTable
CREATE TABLE "BillingPeriod" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "notebookId" UUID NOT NULL,
    "nodeId" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),
    "endSource" "PeriodEndSource",
    "minutes" INTEGER,
    "flavor" TEXT NOT NULL,
    "units" INTEGER NOT NULL,
    "pricePerHourMicros" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,

    CONSTRAINT "BillingPeriod_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "userId" UUID NOT NULL,
    "mutation" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "inputHash" BYTEA NOT NULL,
    "resultId" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("userId","mutation","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "Installation_singleton_key" ON "Installation"("singleton");

-- CreateIndex
CREATE UNIQUE INDEX "User_name_key" ON "User"("name");

-- CreateIndex
CREATE INDEX "Member_projectId_idx" ON "Member"("projectId");

-- CreateIndex
CREATE UNIQUE INDEX "ApiToken_hash_key" ON "ApiToken"("hash");

-- CreateIndex
CREATE INDEX "Project_createdAt_id_idx" ON "Project"("createdAt", "id");

-- CreateIndex
CREATE INDEX "DataStore_projectId_createdAt_id_idx" ON "DataStore"("projectId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "Notebook_projectId_createdAt_id_idx" ON "Notebook"("projectId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "Notebook_dueAt_idx" ON "Notebook"("dueAt");

-- CreateIndex
CREATE INDEX "Notebook_nodeId_idx" ON "Notebook"("nodeId");

-- CreateIndex
CREATE INDEX "NotebookLabel_name_value_idx" ON "NotebookLabel"("name", "value");

-- CreateIndex
CREATE UNIQUE INDEX "Volume_notebookId_index_key" ON "Volume"("notebookId", "index");

-- CreateIndex
CREATE UNIQUE INDEX "Volume_notebookId_mountPath_key" ON "Volume"("notebookId", "mountPath");

-- CreateIndex
CREATE UNIQUE INDEX "Container_operation_key" ON "Container"("operation");

-- CreateIndex
CREATE UNIQUE INDEX "Container_notebookId_generation_role_key" ON "Container"("notebookId", "generation", "role");

-- CreateIndex
CREATE INDEX "DataSync_notebookId_createdAt_id_idx" ON "DataSync"("notebookId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "DataSync_volumeId_createdAt_idx" ON "DataSync"("volumeId", "createdAt");

-- CreateIndex
CREATE INDEX "DataSync_operation_idx" ON "DataSync"("operation");

-- CreateIndex
CREATE INDEX "DataSync_state_idx" ON "DataSync"("state");

-- CreateIndex
CREATE INDEX "Event_notebookId_seq_idx" ON "Event"("notebookId", "seq");

-- CreateIndex
CREATE INDEX "BillingPeriod_notebookId_startedAt_id_idx" ON "BillingPeriod"("notebookId", "startedAt", "id");

-- CreateIndex
CREATE INDEX "BillingPeriod_projectId_startedAt_idx" ON "BillingPeriod"("projectId", "startedAt");

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiToken" ADD CONSTRAINT "ApiToken_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DataStore" ADD CONSTRAINT "DataStore_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Notebook" ADD CONSTRAINT "Notebook_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Notebook" ADD CONSTRAINT "Notebook_nodeId_fkey" FOREIGN KEY ("nodeId") REFERENCES "EngineNode"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "NotebookLabel" ADD CONSTRAINT "NotebookLabel_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Volume" ADD CONSTRAINT "Volume_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Volume" ADD CONSTRAINT "Volume_dataStoreId_fkey" FOREIGN KEY ("dataStoreId") REFERENCES "DataStore"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Container" ADD CONSTRAINT "Container_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Container" ADD CONSTRAINT "Container_nodeId_fkey" FOREIGN KEY ("nodeId") REFERENCES "EngineNode"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "LocalCopy" ADD CONSTRAINT "LocalCopy_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "LocalCopy" ADD CONSTRAINT "LocalCopy_nodeId_fkey" FOREIGN KEY ("nodeId") REFERENCES "EngineNode"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DataSync" ADD CONSTRAINT "DataSync_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DataSync" ADD CONSTRAINT "DataSync_volumeId_fkey" FOREIGN KEY ("volumeId") REFERENCES "Volume"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Event" ADD CONSTRAINT "Event_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Event" ADD CONSTRAINT "Event_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BillingPeriod" ADD CONSTRAINT "BillingPeriod_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BillingPeriod" ADD CONSTRAINT "BillingPeriod_notebookId_fkey" FOREIGN KEY ("notebookId") REFERENCES "Notebook"("id") ON DELETE RESTRICT ON UPDATE CASCADE;


