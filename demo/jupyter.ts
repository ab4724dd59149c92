/** Talks to a notebook as JupyterLab's page does: its REST API and its kernel's WebSocket, through the gateway. */
import { randomUUID } from 'node:crypto'
import { fetch } from 'undici'
import { WebSocket } from 'ws'
import { localhostAgent, localhostLookup } from './localhost.ts'

interface KernelMessage {
  header: { msg_type: string }
  parent_header: { msg_id?: string }
  content: { execution_state?: string; text?: string; ename?: string; evalue?: string }
}

export class Jupyter {
  readonly #url: string
  readonly #token: string

  /** `url`: the notebook's; `token`: an API token that may open it. */
  constructor(url: string, token: string) {
    this.#url = url.replace(/\/$/, '')
    this.#token = token
  }

  /** The status of a GET of `path`, and its body as text. */
  async get(path: string): Promise<{ status: number; body: string }> {
    const response = await this.#fetch(path, 'GET')
    return { status: response.status, body: await response.text() }
  }

  /** Starts a kernel, runs the code in it, and answers what it printed. Throws when the code raises. */
  async run(code: string): Promise<string> {
    const response = await this.#fetch('/api/kernels', 'POST')
    if (response.status !== 201) throw new Error(`No kernel: ${response.status} ${await response.text()}`)
    const { id } = (await response.json()) as { id: string }
    return this.#execute(id, code)
  }

  #fetch(path: string, method: string) {
    return fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}` },
      dispatcher: localhostAgent,
    })
  }

  #execute(kernel: string, code: string): Promise<string> {
    const session = randomUUID()
    const request = randomUUID()
    const socket = new WebSocket(
      `${this.#url.replace(/^http/, 'ws')}/api/kernels/${kernel}/channels?session_id=${session}`,
      {
        headers: { authorization: `Bearer ${this.#token}` },
        lookup: localhostLookup,
      },
    )
    return new Promise((resolve, reject) => {
      let printed = ''
      const end = (settle: () => void) => {
        socket.close()
        settle()
      }
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('The kernel connection was closed before the cell had ended')))
      socket.on('open', () => socket.send(JSON.stringify(executeRequest(session, request, code))))
      socket.on('message', (data) => {
        const { header, parent_header, content } = JSON.parse(String(data)) as KernelMessage
        if (parent_header.msg_id !== request) return
        if (header.msg_type === 'stream') printed += content.text ?? ''
        if (header.msg_type === 'error') end(() => reject(new Error(`${content.ename}: ${content.evalue}`)))
        if (header.msg_type === 'status' && content.execution_state === 'idle') end(() => resolve(printed))
      })
    })
  }
}

function executeRequest(session: string, id: string, code: string) {
  return {
    channel: 'shell',
    header: {
      msg_id: id,
      msg_type: 'execute_request',
      session,
      username: 'cahier',
      version: '5.3',
      date: new Date().toISOString(),
    },
    parent_header: {},
    metadata: {},
    content: {
      code,
      silent: false,
      store_history: false,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    },
    buffers: [],
  }
}
