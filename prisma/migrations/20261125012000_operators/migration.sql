-- Who looks after the installation. The first user does.
ALTER TABLE "User" ADD COLUMN "isOperator" BOOLEAN NOT NULL DEFAULT false;
UPDATE "User" SET "isOperator" = true WHERE "name" = 'admin';
