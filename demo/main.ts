/**
 * The main job, from nothing to a bill, on the running Cahier: a notebook with two volumes starts, a cell runs in it, it
 * stops and starts again with its workspace, and is deleted. Ends with code 1 if anything is not as it should be, and
 * leaves nothing behind but the project "demo" and its bill.
 */
import { randomBytes } from 'node:crypto'
import { type Client, createClient, type Notebook } from '../src/sdk/client.ts'
import { unwrap } from '../src/sdk/errors.ts'
import {
  CreateDataStoreDocument,
  CreateNotebookDocument,
  CreateProjectDocument,
  DeleteDataStoreDocument,
  DeleteNotebookDocument,
  NotebookBillDocument,
  NotebooksDocument,
  ProjectsDocument,
  StartNotebookDocument,
  StopNotebookDocument,
} from '../src/sdk/generated/operations.ts'
import { Buckets } from './buckets.ts'
import { Jupyter } from './jupyter.ts'
import { readSettings, type Settings } from './settings.ts'
import { Timeline } from './timeline.ts'

const INPUT = 'month,rain\njan,87\nfeb,71\n'

/** Reads the read-only volume with pandas, and writes to the read-write one and to the workspace. */
const CELL = `
import os, pandas
rain = pandas.read_csv('/workspace/input/rain.csv')
total = int(rain['rain'].sum())
with open('/workspace/output/total.txt', 'w') as file: file.write(str(total))
with open('/workspace/kept.txt', 'w') as file: file.write('still here')
owner = os.stat('/workspace/input/rain.csv').st_uid
print(f'{total} mm of rain, read as uid {os.getuid()} from a file of uid {owner}')
`
const SECOND_CELL = "print(open('/workspace/kept.txt').read(), open('/workspace/output/total.txt').read())"

function check(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`Not as it should be: ${rule}`)
  console.log(`          ✓ ${rule}`)
}

class Demo {
  readonly #settings: Settings
  readonly #client: Client
  readonly #buckets: Buckets
  readonly #name = `demo-${randomBytes(3).toString('hex')}`
  /** What takes down what was made, the last made first. */
  readonly #undo: (() => Promise<unknown>)[] = []

  constructor(settings: Settings) {
    this.#settings = settings
    this.#client = createClient(settings)
    this.#buckets = new Buckets(settings.store)
  }

  async run(): Promise<void> {
    const projectId = await this.#project()
    const notebook = await this.#createNotebook(projectId)
    const timeline = new Timeline(this.#client, notebook)
    this.#undo.push(() => timeline.close())
    timeline.say(`STARTING QUEUED: ${notebook.name}, ${notebook.units} × ${notebook.flavor.id}`)

    await this.#firstRun(await this.#client.waitFor(notebook.id, 'RUNNING'), timeline)
    await this.#stop(notebook.id)
    await this.#checkBuckets(notebook.uuid)
    await this.#printBill(notebook.id)

    timeline.say('start it again')
    unwrap((await this.#client.request(StartNotebookDocument, { input: { notebookId: notebook.id } })).startNotebook)
    const again = await this.#client.waitFor(notebook.id, 'RUNNING')
    check(again.url === notebook.url, 'it runs again at the same URL')
    const kept = await new Jupyter(again.url, this.#settings.token).run(SECOND_CELL)
    check(kept === 'still here 158\n', 'workspace and volume are back in it')
    await this.#stop(notebook.id)
    await this.#delete(projectId, notebook)
  }

  async clean(): Promise<void> {
    const failed: unknown[] = []
    for (const undo of this.#undo.reverse()) await undo().catch((error: unknown) => failed.push(error))
    await this.#client.close()
    if (failed.length === 0) return
    console.error('Not everything could be cleaned up:', failed[0])
    process.exitCode = 1
  }

  async #project(): Promise<string> {
    const { projects } = await this.#client.request(ProjectsDocument, { first: 100 })
    const known = projects.edges.find(({ node }) => node.name === 'demo')
    if (known) return known.node.id
    return unwrap((await this.#client.request(CreateProjectDocument, { input: { name: 'demo' } })).createProject).id
  }

  async #createNotebook(projectId: string) {
    const { endpoint, region, accessKey, secretKey } = this.#settings.store
    const [input, output] = [`${this.#name}-input`, `${this.#name}-output`]
    for (const [bucket, objects] of [
      [input, { 'rain.csv': INPUT }],
      [output, {}],
    ] as const) {
      await this.#buckets.make(bucket, objects)
      this.#undo.push(() => this.#buckets.remove(bucket))
    }
    const store = unwrap(
      (
        await this.#client.request(CreateDataStoreDocument, {
          input: { projectId, name: this.#name, endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey },
        })
      ).createDataStore,
    )
    this.#undo.push(() => this.#client.request(DeleteDataStoreDocument, { input: { dataStoreId: store.id } }))
    const notebook = unwrap(
      (
        await this.#client.request(CreateNotebookDocument, {
          input: {
            projectId,
            name: this.#name,
            editor: 'jupyterlab',
            framework: 'python',
            flavor: 'ai1-1-cpu',
            volumes: [
              { bucket: { dataStoreId: store.id, bucket: input }, mountPath: '/workspace/input', permission: 'RO' },
              { bucket: { dataStoreId: store.id, bucket: output }, mountPath: '/workspace/output', permission: 'RW' },
            ],
          },
        })
      ).createNotebook,
    )
    this.#undo.push(() => this.#abandon(notebook))
    return notebook
  }

  async #firstRun(notebook: Notebook, timeline: Timeline): Promise<void> {
    const jupyter = new Jupyter(notebook.url, this.#settings.token)
    const page = await jupyter.get('/lab')
    check(page.status === 200 && page.body.includes('JupyterLab'), `JupyterLab answers at ${notebook.url}`)
    const printed = await jupyter.run(CELL)
    timeline.say(`a cell printed: ${printed.trim()}`)
    check(
      printed === '158 mm of rain, read as uid 42420 from a file of uid 42420\n',
      'the cell read the read-only volume',
    )
  }

  async #stop(notebookId: string): Promise<void> {
    unwrap((await this.#client.request(StopNotebookDocument, { input: { notebookId } })).stopNotebook)
    await this.#client.waitFor(notebookId, 'STOPPED')
  }

  async #checkBuckets(uuid: string): Promise<void> {
    const { workspaceBucket } = this.#settings
    const total = await this.#buckets.read(`${this.#name}-output`, 'total.txt')
    check(total === '158', 'the new file is in the read-write bucket')
    const untouched = await this.#buckets.list(`${this.#name}-input`)
    check(untouched.size === 1, 'the read-only bucket is untouched')
    const kept = await this.#buckets.read(workspaceBucket, `${uuid}/kept.txt`)
    check(kept === 'still here', `the workspace is in ${workspaceBucket}/${uuid}/`)
  }

  async #printBill(id: string): Promise<void> {
    const { notebook } = await this.#client.request(NotebookBillDocument, { id })
    const periods = notebook?.billingPeriods.edges.map(({ node }) => node) ?? []
    for (const { minutes, units, flavor, pricePerHour, amount } of periods)
      console.log(
        `          bill: ${minutes} min × ${units} × ${flavor.id} at ${pricePerHour.amount} ${pricePerHour.currency}/h = ${amount.amount} ${amount.currency}`,
      )
    check(periods.length === 1 && periods[0]?.amount.amount === '0.000500', 'one commenced minute is billed')
  }

  async #delete(projectId: string, { id, uuid }: { id: string; uuid: string }): Promise<void> {
    unwrap((await this.#client.request(DeleteNotebookDocument, { input: { notebookId: id } })).deleteNotebook)
    await this.#client.waitUntilDeleted(id)
    const { project } = await this.#client.request(NotebooksDocument, { projectId })
    check(!project?.notebooks.edges.some(({ node }) => node.id === id), 'it is gone from the list')
    const objects = await this.#buckets.list(this.#settings.workspaceBucket, `${uuid}/`)
    check(objects.has(`${uuid}/kept.txt`), 'its workspace is still in the bucket')
  }

  /** Also after a run that failed half-way: the notebook goes, and its workspace with it. */
  async #abandon({ id, uuid }: { id: string; uuid: string }): Promise<void> {
    const { deleteNotebook } = await this.#client.request(DeleteNotebookDocument, {
      input: { notebookId: id, force: true },
    })
    if (deleteNotebook.__typename === 'Notebook') await this.#client.waitUntilDeleted(id)
    await this.#buckets.empty(this.#settings.workspaceBucket, `${uuid}/`)
  }
}

try {
  const demo = new Demo(await readSettings())
  try {
    await demo.run()
  } finally {
    await demo.clean()
  }
  if (!process.exitCode) console.log('All is as it should be.')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
