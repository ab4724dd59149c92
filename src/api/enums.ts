/** The enums of the schema, with the contract's words for each value. */
import { builder } from './builder.ts'

const described = <const Values extends Record<string, string>>(values: Values) =>
  Object.fromEntries(Object.entries(values).map(([name, description]) => [name, { description }])) as {
    [Name in keyof Values]: { description: string }
  }

export const NotebookState = builder.enumType('NotebookState', {
  description: 'Where a notebook is in its life. Only RUNNING is billed.',
  values: described({
    STARTING: 'Its data is pulled, then compute is allocated, then its container is started.',
    RUNNING: 'The editor answers at the notebook’s URL.',
    STOPPING: 'Its container stops, compute is freed, the workspace is saved and volumes are pushed.',
    STOPPED: 'Ended normally; everything is saved.',
    FAILED: 'Ended by its own fault: its process, its memory, or the user’s data store.',
    ERROR: 'Ended by the platform’s fault: engine, database or platform storage.',
    DELETING: 'Being removed; then it is gone from every list.',
  }),
})

export const NotebookPhase = builder.enumType('NotebookPhase', {
  description: 'What is being done while a notebook is STARTING, STOPPING or DELETING.',
  values: described({
    QUEUED: 'It waits for compute.',
    PULLING_DATA: 'Workspace and volumes are copied to the node.',
    ALLOCATING: 'Its reserved units become a place for a container.',
    PULLING_IMAGE: 'The image is pulled or built where it is missing.',
    STARTING_CONTAINER: 'The container is started and the editor awaited.',
    STOPPING_CONTAINER: 'The container ends and compute is freed.',
    SAVING_WORKSPACE: 'The workspace is saved.',
    PUSHING_DATA: 'Changed volumes are pushed to their buckets.',
    REMOVING: 'What is left of it on the node is removed.',
  }),
})

export const StateReason = builder.enumType('StateReason', {
  description: 'Who or what brought a notebook into its state.',
  values: described({
    USER: 'A user wished it.',
    RUN_LIMIT: 'The run reached its limit.',
    IDLE: 'Nothing was active for the time set.',
    BUDGET: 'The project’s budget was reached.',
    EXITED: 'The process ended by itself.',
    OUT_OF_MEMORY: 'The notebook used more memory than it has.',
    CONTAINER_LOST: 'The container vanished.',
    DATA_ACCESS: 'The user’s data store refused, or a file could not be carried.',
    DISK_FULL: 'The notebook used more disk than it has, or its data does not fit on the disk of its node.',
    IMAGE: 'The image cannot be had.',
    CAPACITY: 'No node has room.',
    PLATFORM: 'A fault of the platform.',
  }),
})

export const WarningCode = builder.enumType('WarningCode', {
  description: 'What a warning is about.',
  values: described({
    UNSAVED_DATA: 'Data is not yet safe in its bucket.',
    OUT_OF_MEMORY: 'A process inside ended for want of memory; the notebook runs on.',
    ENGINE_UNREACHABLE: 'The engine does not answer; the notebook runs on.',
    RUN_LIMIT_NEAR: 'The run reaches its time limit soon, at `dueAt`.',
    RETRYING: 'A fault of the platform; it is tried again.',
    CONFLICT: 'Files were changed on both sides; both versions were kept.',
    DELETIONS_HELD: 'Deletions were held back, being more than half of the objects.',
    CHECKPOINT_FAILED:
      'The workspace could not be saved while the notebook runs; it is tried again, and told of again only after it succeeded.',
    SYNC_FAILED: 'A sync beside the running notebook did not carry everything; the notebook runs on.',
    BUDGET_USED:
      'Half of the project’s budget for the month is used, or 80 %, or all of it; `dueAt` is when all will be.',
    DISK_NEARLY_FULL: 'The notebook uses most of its disk; beyond its limit it is saved and stopped.',
  }),
})

export const VolumePermission = builder.enumType('VolumePermission', {
  description: 'What a notebook may do with a volume, and what is pushed.',
  values: described({
    RO: 'Mounted read-only; never pushed.',
    RW: 'New and modified files are pushed; deletions are not.',
    RWD: 'Deletions are carried out in the bucket, too.',
  }),
})

export const SyncDirection = builder.enumType('SyncDirection', {
  description: 'Which way data moves.',
  values: described({ PULL: 'From the bucket to the node.', PUSH: 'From the node to the bucket.' }),
})

export const SyncTarget = builder.enumType('SyncTarget', {
  description: 'What of a notebook’s data is to be moved.',
  values: described({
    ALL: 'All volumes that can be moved that way; on push the workspace, too.',
    WORKSPACE: 'The workspace, which can only be pushed.',
    VOLUME: 'One volume.',
  }),
})

export const SyncState = builder.enumType('SyncState', {
  description: 'How far a data sync is.',
  values: described({
    PENDING: 'It will begin.',
    RUNNING: 'It is under way.',
    DONE: 'All is copied and, on push, verified.',
    FAILED: 'It ended without copying everything.',
    CANCELLED: 'It was given up.',
  }),
})

export const PeriodEndSource = builder.enumType('PeriodEndSource', {
  description: 'By what the end of a billing period is known.',
  values: described({
    TRANSACTION: 'The moment when the notebook left RUNNING.',
    ENGINE: 'The container’s real end, as the engine saw it.',
    LIVENESS: 'The last time the container was seen alive.',
  }),
})

export const AuditOutcome = builder.enumType('AuditOutcome', {
  description: 'What became of a mutation.',
  values: described({
    DONE: 'It was done.',
    REFUSED: 'It was refused: `code` and `message` say why.',
    FAILED: 'It failed by a fault of ours.',
  }),
})

export const OnBudgetReached = builder.enumType('OnBudgetReached', {
  description: 'What happens when a project’s budget for the month is used up.',
  values: described({
    NOTIFY: 'Who watches is warned; what runs goes on.',
    STOP: 'What runs is saved and stopped before it would cost more; starts are refused.',
  }),
})

export const RoleRef = builder.enumType('Role', {
  description: 'What a member may do in a project.',
  values: described({
    READER: 'List, watch and open.',
    OPERATOR: 'Also create, run, stop and delete notebooks, and data stores.',
    OWNER: 'Also members.',
  }),
})

export const DataStoreTestState = builder.enumType('DataStoreTestState', {
  description: 'How far a test of a data store is.',
  values: described({
    PENDING: 'It will begin.',
    RUNNING: 'It is under way.',
    DONE: 'Every check is made, whatever came of it.',
    FAILED: 'The test itself could not be made.',
  }),
})

export const DataStoreCheckName = builder.enumType('DataStoreCheckName', {
  description: 'What is tried of a data store, in this order.',
  values: described({
    ADDRESS: 'Its name resolves, to an address that this installation allows.',
    CONNECTION: 'Something takes connections there and answers as HTTP.',
    TLS: 'Its certificate is valid for its name; skipped for http.',
    CLOCK: 'Its clock is close enough to ours for signatures to be accepted.',
    KEYS: 'It knows the keys, and they fit together.',
    BUCKET: 'The bucket is there, addressed as the store wants it (`pathStyle`, `region`).',
    LIST: 'The keys may list the bucket: every notebook with a volume of it needs that.',
    PUT: 'The keys may put an object: RW and RWD volumes need that.',
    GET: 'What was put is read again as it was.',
    DELETE: 'The keys may delete it: RWD volumes need that.',
  }),
})

export const DataStoreCheckOutcome = builder.enumType('DataStoreCheckOutcome', {
  description: 'How a check went.',
  values: described({
    PASSED: 'As it should.',
    FAILED: 'Not so: the message says what is wrong.',
    SKIPPED: 'It was not tried: an earlier check failed, or it does not apply.',
  }),
})
