/** Debian's packages, where we may install some: as root, on Debian or Ubuntu. Elsewhere one sentence says what to install. */
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { runProgram } from './programs.ts'

/** A package is missing and we cannot install it. The message says what to do. */
export class PackagesError extends Error {
  override readonly name = 'PackagesError'
}

const SERVICE_POLICY = '/usr/sbin/policy-rc.d'

const LOCK_TIMEOUT_SECONDS = 120

/**
 * Installs packages without what they only recommend. `elsewhere` names what to install on a system that is not Debian or
 * Ubuntu. Throws PackagesError.
 */
export async function installPackages(
  packages: string[],
  elsewhere: string,
  say: (line: string) => void,
): Promise<void> {
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`
  if (!(await isDebianOrUbuntu())) throw new PackagesError(`Install ${elsewhere} and start again.`)
  if (process.getuid?.() !== 0) throw new PackagesError(`Run "sudo ${command}" and start again.`)

  say(`Installing ${packages.join(', ')} with apt-get.`)
  const began = Date.now()
  // A source of packages that does not answer is no reason to stop: the others may have what we need.
  const update = await apt(['update'])
  const install = await withoutServices(() => apt(['install', '--yes', '--no-install-recommends', ...packages]))
  if (install.exitCode !== 0) {
    const output = [...(update.exitCode === 0 ? [] : [update.output]), install.output].join('\n')
    throw new PackagesError(`"${command}" failed:\n${output}`)
  }
  say(`Installed in ${Math.round((Date.now() - began) / 1000)} s.`)
}

/** Where no init looks after services, packages must not start theirs; Debian asks this file, and 101 is a no. */
async function withoutServices<T>(install: () => Promise<T>): Promise<T> {
  if (existsSync('/run/systemd/system') || existsSync(SERVICE_POLICY)) return install()
  await writeFile(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return await install()
  } finally {
    await rm(SERVICE_POLICY)
  }
}

function apt(args: string[]): ReturnType<typeof runProgram> {
  return runProgram('apt-get', [`--option=DPkg::Lock::Timeout=${LOCK_TIMEOUT_SECONDS}`, '--quiet', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

async function isDebianOrUbuntu(): Promise<boolean> {
  if (!existsSync('/etc/os-release')) return false
  return /^ID="?(debian|ubuntu)"?$/m.test(await readFile('/etc/os-release', 'utf8'))
}
