/**
 * Who signed in where, kept in no table: a code or a session is sealed with the installation's key for one audience, and
 * opens for no other. Inside is the id of the token that was shown, so that the token's end is the end of its sessions.
 *
 * A code works once in this process. Which ones were used is not kept elsewhere: another replica, or the same one after a
 * restart, would take a code again within the minute that it lives.
 */
import { randomUUID } from 'node:crypto'
import { type Vault, VaultError } from '../access/vault.ts'
import type { Clock } from '../domain/clock.ts'

const CODE_SECONDS = 60
export const SESSION_SECONDS = 12 * 60 * 60

interface Claims {
  id: string
  tokenId: string
  /** Milliseconds since 1970. */
  until: number
}

export class Sessions {
  readonly #vault: Vault
  readonly #clock: Clock
  /** Ids of used codes and when they would have ended anyway, oldest first. */
  readonly #used = new Map<string, number>()

  constructor(vault: Vault, clock: Clock) {
    this.#vault = vault
    this.#clock = clock
  }

  issueCode(audience: string, tokenId: string): string {
    return this.#issue(`sign-in code:${audience}`, tokenId, CODE_SECONDS)
  }

  /** The token's id; null when the code is not for this audience, too old or used. */
  redeemCode(audience: string, code: string): string | null {
    const claims = this.#read(`sign-in code:${audience}`, code)
    if (!claims || this.#used.has(claims.id)) return null
    for (const [id, until] of this.#used) {
      if (until > this.#clock.now().getTime()) break
      this.#used.delete(id)
    }
    this.#used.set(claims.id, claims.until)
    return claims.tokenId
  }

  issueSession(audience: string, tokenId: string): string {
    return this.#issue(`session:${audience}`, tokenId, SESSION_SECONDS)
  }

  /** The token's id; null when the session is not for this audience or ended. */
  readSession(audience: string, session: string): string | null {
    return this.#read(`session:${audience}`, session)?.tokenId ?? null
  }

  #issue(purpose: string, tokenId: string, seconds: number): string {
    const claims: Claims = { id: randomUUID(), tokenId, until: this.#clock.now().getTime() + seconds * 1000 }
    return Buffer.from(this.#vault.seal(JSON.stringify(claims), purpose)).toString('base64url')
  }

  #read(purpose: string, sealed: string): Claims | null {
    try {
      const claims = JSON.parse(this.#vault.open(Buffer.from(sealed, 'base64url'), purpose)) as Claims
      return claims.until > this.#clock.now().getTime() ? claims : null
    } catch (error) {
      if (error instanceof VaultError) return null
      throw error
    }
  }
}
