/**
 * As whom PostgreSQL runs: it refuses to be root, so root gives it to another user. Where that user may not enter the
 * folders above its own (a clone in /root, say), it is shown those two folders, and nothing else, at places it may enter.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbeddedError } from './folders.ts'

/** Where the programs and the data are, and how to run one of the programs on them. */
export interface PostgresPlace {
  /** The data as the server sees it. */
  data: string
  /** Command line and options of one of PostgreSQL's programs. */
  command(program: string, args: string[]): { program: string; args: string[]; options: { uid?: number; gid?: number } }
}

interface Folders {
  /** Holds bin/, lib/ and share/. */
  programs: string
  /** Holds the data; ours to give away. */
  data: string
  run: string
}

interface User {
  name: string
  uid: number
  gid: number
}

/** In the run folder. */
export const MOUNT_POINTS = ['postgres-programs', 'postgres-data'] as const

/** Makes the data folder and chooses the user. Throws EmbeddedError when none can be given what it needs. */
export async function choosePlace({ programs, data, run }: Folders): Promise<PostgresPlace> {
  await mkdir(data, { recursive: true, mode: 0o700 })
  if (process.getuid?.() !== 0)
    return { data, command: (program, args) => ({ program: join(programs, 'bin', program), args, options: {} }) }

  const user = serverUser(data)
  const { uid, gid } = user
  await chown(data, uid, gid)
  if (mayUse(user, programs, data))
    return {
      data,
      command: (program, args) => ({ program: join(programs, 'bin', program), args, options: { uid, gid } }),
    }
  return mountedPlace(user, { programs, data, run })
}

/** Data that is there already stays with the user who has it. */
function serverUser(data: string): User {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line): User => {
      const [name = '', , uid, gid] = line.split(':')
      return { name, uid: Number(uid), gid: Number(gid) }
    })
  const owner = statSync(data).uid
  const named = (candidate: string) => users.find(({ name }) => name === candidate)
  const user = (owner !== 0 && users.find(({ uid }) => uid === owner)) || named('postgres') || named('nobody')
  if (user) return user
  throw new EmbeddedError('PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as.')
}

function mayUse({ uid, gid }: User, programs: string, data: string): boolean {
  const { status } = spawnSync('test', ['-x', join(programs, 'bin/postgres'), '-a', '-w', data], { uid, gid, cwd: '/' })
  return status === 0
}

/** In a mount namespace of the server's own: nobody else sees these mounts, and they end with it. */
async function mountedPlace({ name, uid, gid }: User, { programs, data, run }: Folders): Promise<PostgresPlace> {
  const [seenPrograms, seenData] = MOUNT_POINTS.map((folder) => join(run, folder)) as [string, string]
  for (const folder of [seenPrograms, seenData]) await mkdir(folder, { recursive: true })
  const script = [
    'mount --bind "$0" "$1"',
    'mount --bind "$2" "$3"',
    'shift 3',
    `exec setpriv --reuid=${uid} --regid=${gid} --clear-groups -- "$@"`,
  ].join(' && ')
  const place: PostgresPlace = {
    data: seenData,
    command: (program, args) => ({
      program: 'unshare',
      args: [
        ...['--mount', '--', 'sh', '-c', script, programs, seenPrograms, data, seenData],
        ...[join(seenPrograms, 'bin', program), ...args],
      ],
      options: {},
    }),
  }
  const { program, args } = place.command('postgres', ['--version'])
  if (spawnSync(program, args).status !== 0)
    throw new EmbeddedError(
      `PostgreSQL does not run as root, and the user "${name}" may not enter ${data} or ${programs}; put the clone and CAHIER_HOME where every user may pass, or set DATABASE_URL.`,
    )
  return place
}
