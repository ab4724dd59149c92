/**
 * A light notebook that runs, told what to do. It is reached where its container publishes it, not through the gateway, so that
 * it also answers while no control plane is there.
 */
import type Dockerode from 'dockerode'

export class LightNotebook {
  /** The engine's id. */
  readonly containerId: string
  readonly #url: string

  private constructor(containerId: string, url: string) {
    this.containerId = containerId
    this.#url = url
  }

  /** The one container of the notebook that runs now. */
  static async of(docker: Dockerode, uuid: string): Promise<LightNotebook> {
    const label = [`cahier.notebook=${uuid}`, 'cahier.role=notebook']
    const running = await docker.listContainers({ filters: { label, status: ['running'] } })
    const [container, second] = running
    const port = container?.Ports.find(({ PublicPort }) => PublicPort)?.PublicPort
    if (!container || second || !port) throw new Error(`${running.length} containers of notebook ${uuid} run`)
    return new LightNotebook(container.Id, `http://127.0.0.1:${port}`)
  }

  /** Runs a script with sh in the workspace and answers what it printed. Throws when it fails. */
  async run(script: string): Promise<string> {
    const answer = await this.#post('/run', script)
    const printed = await answer.text()
    if (!answer.ok) throw new Error(`The script failed: ${printed}`)
    return printed
  }

  async write(path: string, content: string): Promise<void> {
    const encoded = Buffer.from(content).toString('base64')
    await this.run(`mkdir -p "$(dirname '${path}')" && echo '${encoded}' | base64 --decode > '${path}'`)
  }

  read(path: string): Promise<string> {
    return this.run(`cat '${path}'`)
  }

  /** Prints lines to the container's log, and has printed them when it resolves. */
  async print(lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.#main(`print ${perlString(`${line}\n`)}`)
    await this.#idle()
  }

  /** The main process prints nothing more and ends. */
  exit(code: number): Promise<void> {
    return this.#main(`exit ${code}`)
  }

  /** The main process takes memory until it is killed. */
  exhaustMemory(): Promise<void> {
    return this.#main("my @taken; push @taken, 'x' x 2**22 while 1")
  }

  /** A child of the main process takes memory until it is killed; the notebook lives on. */
  async exhaustMemoryInChild(): Promise<void> {
    await this.run('tail /dev/zero; true')
  }

  /** SIGTERM does nothing from now on. */
  async ignoreSigterm(): Promise<void> {
    await this.#main("$SIG{TERM} = 'IGNORE'")
    await this.#idle()
  }

  async #main(perl: string): Promise<void> {
    await (await this.#post('/main', perl)).text()
  }

  /** The main process has done what it was told: it takes the next request only then. */
  async #idle(): Promise<void> {
    await (await fetch(`${this.#url}/ready`)).text()
  }

  #post(path: string, body: string): Promise<Response> {
    return fetch(`${this.#url}${path}`, { method: 'POST', body })
  }
}

function perlString(text: string): string {
  return `"${text.replaceAll(/[^a-zA-Z0-9 ]/g, (character) => `\\x{${character.codePointAt(0)?.toString(16)}}`)}"`
}
