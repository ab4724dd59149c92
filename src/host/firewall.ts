/**
 * Puts the rules of a guard into the kernel's packet filter, and takes them out again. They lie in chains of our own, which
 * Docker does not know and its restart leaves alone; only one jump to each stands in `INPUT` and `DOCKER-USER`, the chain that
 * Docker keeps for others. Nothing that is not ours is read, changed or reordered.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { chainsOf, chainsText, FAMILIES, type Family, type Guard, nameServersIn } from './firewall-rules.ts'
import { findProgram, runProgram } from './programs.ts'

/** The rules cannot be set here. The message is a reason that completes "because". */
export class FirewallError extends Error {
  override readonly name = 'FirewallError'
}

/** The plain name is what Docker uses; the others are for a machine where that one means the other table. */
const PROGRAMS: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['iptables', 'iptables-nft', 'iptables-legacy'],
  ipv6: ['ip6tables', 'ip6tables-nft', 'ip6tables-legacy'],
}

/** Names the tables of the older kind that are in use. Asking that kind for one would make it. */
const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  ipv4: '/proc/net/ip_tables_names',
  ipv6: '/proc/net/ip6_tables_names',
}

/** A control plane that still runs may set the rules again while they are taken out. */
const LOWER_ATTEMPTS = 5

/** Where a change waits for others at the packet filter, in seconds. */
const WAIT = ['--wait', '10']

/** Idempotent; replaces what an earlier guard of the same bridge had. `ipv6`: the network has it. Throws FirewallError. */
export async function raiseFirewall(guard: Guard, { ipv6 }: { ipv6: boolean }): Promise<void> {
  // Of another machine's, or of a daemon in a network of its own, the bridge is not here, and rules would mean nothing.
  if (!(await readFile('/proc/net/dev', 'utf8')).includes(`${guard.bridge}:`))
    throw new FirewallError('its Docker daemon has its networks elsewhere, not on this machine')
  await raise(guard, 'ipv4')
  // A network without IPv6 has none in its containers either: there the rules only stand ready.
  await raise(guard, 'ipv6').catch((error: unknown) => {
    if (ipv6 || !(error instanceof FirewallError)) throw error
  })
}

async function raise(guard: Guard, family: Family): Promise<void> {
  const iptables = await programFor(family)
  await demand(`${iptables}-restore`, [...WAIT, '--noflush'], chainsText(guard, family))
  for (const { chain, rule } of await jumpsFor(guard, iptables))
    if (!(await succeeds(iptables, [...WAIT, '-C', chain, ...rule])))
      await demand(iptables, [...WAIT, '-I', chain, '1', ...rule])
}

/** Takes out every rule and chain of that bridge. Where none can be, nothing is done. */
export async function lowerFirewall(guard: Pick<Guard, 'bridge' | 'mark'>): Promise<void> {
  for (const family of FAMILIES) for (const program of await programsOf(family)) await lower(guard, program)
}

async function lower(guard: Pick<Guard, 'bridge' | 'mark'>, iptables: string): Promise<void> {
  const chains = Object.values(chainsOf(guard))
  for (let attempt = 0; attempt < LOWER_ATTEMPTS; attempt++) {
    if (!(await succeeds(iptables, [...WAIT, '-n', '-L', chains[0] as string]))) return
    for (const { chain, rule } of await jumpsFor(guard, iptables))
      while (await succeeds(iptables, [...WAIT, '-D', chain, ...rule]));
    // Refused when someone set the rules again in between.
    for (const chain of chains)
      for (const command of ['-F', '-X']) await runProgram(iptables, [...WAIT, command, chain])
  }
}

/** The filter in which Docker has its rules. Throws FirewallError when there is none. */
async function programFor(family: Family): Promise<string> {
  let reason = 'there is no iptables'
  for (const program of await programsOf(family)) {
    const { exitCode, output } = await runProgram(program, [...WAIT, '-n', '-L', 'DOCKER-USER'])
    if (exitCode === 0) return program
    reason =
      process.getuid?.() === 0 ? `iptables has no chain of Docker's (${output.trim()})` : 'it does not run as root'
  }
  // Docker need not filter IPv6 itself.
  if (family === 'ipv6') {
    const [program] = await programsOf(family)
    if (program && (await succeeds(program, [...WAIT, '-n', '-L', 'FORWARD']))) return program
  }
  throw new FirewallError(reason)
}

/** Those that are installed and whose tables are in use. */
async function programsOf(family: Family): Promise<string[]> {
  const hasLegacy = (await readFile(LEGACY_TABLES[family], 'utf8').catch(() => '')).includes('filter')
  const names = PROGRAMS[family].filter((name) => hasLegacy || !name.endsWith('-legacy'))
  return (await Promise.all(names.map(findProgram))).filter((program) => program !== null)
}

async function jumpsFor(guard: Pick<Guard, 'bridge' | 'mark'>, iptables: string) {
  const { host, away, back } = chainsOf(guard)
  const through = (await succeeds(iptables, [...WAIT, '-n', '-L', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD'
  const comment = ['-m', 'comment', '--comment', guard.mark]
  return [
    { chain: 'INPUT', rule: ['-i', guard.bridge, ...comment, '-j', host] },
    { chain: through, rule: ['-i', guard.bridge, ...comment, '-j', away] },
    { chain: through, rule: ['-o', guard.bridge, ...comment, '-j', back] },
  ]
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  return (await runProgram(program, args)).exitCode === 0
}

async function demand(program: string, args: string[], input?: string): Promise<void> {
  const { exitCode, output } = await runProgram(program, args, input === undefined ? {} : { input })
  if (exitCode !== 0) throw new FirewallError(`${program.split('/').at(-1)} refuses: ${output.trim()}`)
}

/** As Docker finds them: behind a resolver on loopback, systemd's own list. */
export async function hostNameServers(): Promise<string[]> {
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']
  const contents = await Promise.all(files.filter((file) => existsSync(file)).map((file) => readFile(file, 'utf8')))
  return [...new Set(contents.flatMap(nameServersIn))]
}
