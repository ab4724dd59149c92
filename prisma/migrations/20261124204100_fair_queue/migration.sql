-- Which GPUs a notebook waits for or has: their model, and, from the reservation on, the very devices.
ALTER TABLE "Notebook" ADD COLUMN "heldGpuModel" TEXT,
ADD COLUMN "gpuDevices" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];

-- The queue is read with every admission and every release.
CREATE INDEX "Notebook_phase_idx" ON "Notebook"("phase");
