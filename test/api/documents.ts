/** Operations that many tests ask. */

const NOTEBOOK = '... on Notebook { id uuid name state phase reason units eventCursor }'

const ERRORS = `... on Error {
  code
  message
  ... on ValidationError { fields { path message } }
  ... on InvalidStateError { state allowed }
  ... on QuotaExceededError { limit used requested }
  ... on FlavorUnavailableError { available }
}`

/** The state of a sync is of another type than that of an InvalidStateError. */
const SYNC_ERRORS = ERRORS.replace('InvalidStateError { state', 'InvalidStateError { notebookState: state')

function notebookMutation(name: string): string {
  const input = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`
  return `mutation ($input: ${input}!) { result: ${name}(input: $input) { __typename ${NOTEBOOK} ${ERRORS} } }`
}

export const CREATE = notebookMutation('createNotebook')
export const UPDATE = notebookMutation('updateNotebook')
export const START = notebookMutation('startNotebook')
export const STOP = notebookMutation('stopNotebook')
export const RESTART = notebookMutation('restartNotebook')
export const EXTEND = notebookMutation('extendNotebook')
export const DELETE = notebookMutation('deleteNotebook')
export const RETRY = notebookMutation('retryNotebookSync')

const SYNC = '... on DataSync { id direction state endedAt volume { mountPath } }'

export const SYNC_DATA = `mutation ($input: SyncNotebookDataInput!) {
  result: syncNotebookData(input: $input) { __typename ... on SyncNotebookDataSuccess { syncs { ${SYNC} } } ${SYNC_ERRORS} }
}`

export const CANCEL_SYNC = `mutation ($input: CancelDataSyncInput!) {
  result: cancelDataSync(input: $input) { __typename ${SYNC} ${SYNC_ERRORS} }
}`

export const SAVE_WORKSPACE = `mutation ($input: SaveWorkspaceInput!) {
  result: saveWorkspace(input: $input) {
    __typename ... on Workspace { lastSavedAt unsavedBytes lastSync { state direction isCheckpoint } } ${ERRORS}
  }
}`

export const CREATE_PROJECT = `mutation ($input: CreateProjectInput!) {
  result: createProject(input: $input) { __typename ... on Project { id name } ${ERRORS} }
}`

export const CREATE_API_TOKEN = `mutation ($input: CreateApiTokenInput!) {
  result: createApiToken(input: $input) {
    __typename ... on ApiToken { id name role secret lastUsedAt revokedAt label { name value } project { id } } ${ERRORS}
  }
}`

export const REVOKE_API_TOKEN = `mutation ($input: RevokeApiTokenInput!) {
  result: revokeApiToken(input: $input) { __typename ... on ApiToken { id revokedAt secret } ${ERRORS} }
}`

export const ADD_MEMBER = `mutation ($input: AddMemberInput!) {
  result: addMember(input: $input) { __typename ... on Member { role user { id name } } ${ERRORS} }
}`

export const REMOVE_MEMBER = `mutation ($input: RemoveMemberInput!) {
  result: removeMember(input: $input) { __typename ... on Member { role user { id name } } ${ERRORS} }
}`

export const SET_QUOTA = `mutation ($input: SetQuotaInput!) {
  result: setQuota(input: $input) {
    __typename ... on Quota { gpus { limit used } vcpus { limit used } } ${ERRORS}
  }
}`

export const SET_BUDGET = `mutation ($input: SetBudgetInput!) {
  result: setBudget(input: $input) {
    __typename ... on Budget { amount { amount currency } spent { amount } onBudgetReached } ${ERRORS}
  }
}`

export const CREATE_DATA_STORE = `mutation ($input: CreateDataStoreInput!) {
  result: createDataStore(input: $input) { __typename ... on DataStore { id name endpoint pathStyle } ${ERRORS} }
}`

export const DELETE_DATA_STORE = `mutation ($input: DeleteDataStoreInput!) {
  result: deleteDataStore(input: $input) { __typename ... on DataStore { id } ${ERRORS} }
}`

export const TEST_DATA_STORE = `mutation ($input: TestDataStoreInput!) {
  result: testDataStore(input: $input) {
    __typename ... on DataStore { id lastTest { testState: state bucket prefix passed checks { check outcome message } } } ${ERRORS}
  }
}`

export const GET = `query ($id: ID!) {
  notebook(id: $id) { id state phase reason name units autoRestart maxRunSeconds publicAccess labels { name value } }
}`

/** A mutation's result, whichever member it is. */
export interface Result {
  result: {
    __typename: string
    id: string
    uuid: string
    name: string
    state: string
    phase: string | null
    reason: string | null
    eventCursor: string
    code: string
    message: string
    fields: { path: string; message: string }[]
    allowed: string[]
    available: string[]
    limit: number
    used: number
    requested: number
    endpoint: string
    pathStyle: boolean
    lastSavedAt: string | null
    unsavedBytes: string | null
    lastSync: { state: string; direction: string; isCheckpoint: boolean } | null
    syncs: { id: string; direction: string; state: string; volume: { mountPath: string } | null }[]
    secret: string
    user: { id: string; name: string }
    lastTest: { testState: string; bucket: string; prefix: string; passed: boolean | null; checks: object[] } | null
  }
}

/** The least a notebook can be created with on nodes without GPUs. */
export const SMALL = { editor: 'jupyterlab', framework: 'python', flavor: 'ai1-1-cpu' } as const
