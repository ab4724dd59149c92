/**
 * Reaches `<uuid>.notebooks.localhost` where the system's resolver does not know names below `localhost`: they are loopback
 * by definition (RFC 6761).
 */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent } from 'undici'

export const localhostLookup: LookupFunction = (hostname, options, callback) => {
  if (!hostname.endsWith('.localhost')) return lookup(hostname, options, callback)
  if (options.all) return callback(null, [{ address: '127.0.0.1', family: 4 }])
  callback(null, '127.0.0.1', 4)
}

export const localhostAgent = new Agent({ connect: { lookup: localhostLookup } })
