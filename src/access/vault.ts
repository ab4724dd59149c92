/**
 * Secrets at rest: AES-256-GCM under the installation's key. What is sealed for one purpose cannot be opened for another,
 * and a changed byte is noticed. Also derives the tokens that need not be kept, such as an editor's own.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

export class VaultError extends Error {
  override readonly name = 'VaultError'
}

export class Vault {
  readonly #key: Buffer

  /** `key`: 32 bytes. */
  constructor(key: Buffer) {
    if (key.length !== 32) throw new VaultError('The encryption key must have 32 bytes.')
    this.#key = Buffer.from(hkdfSync('sha256', key, '', 'cahier sealing', 32))
  }

  /** `purpose` binds the text to its place, e.g. `data-store:<id>`. */
  seal(text: string, purpose: string): Uint8Array<ArrayBuffer> {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(purpose))
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return new Uint8Array(Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]))
  }

  /** Throws VaultError when it was sealed with another key or for another purpose, or was changed. */
  open(sealed: Uint8Array, purpose: string): string {
    const bytes = Buffer.from(sealed)
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
    const tag = bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES)
    const body = bytes.subarray(1 + NONCE_BYTES + TAG_BYTES)
    try {
      if (bytes[0] !== VERSION) throw new Error(`unknown version ${bytes[0]}`)
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(purpose)).setAuthTag(tag)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    } catch (cause) {
      throw new VaultError(`What was sealed for ${purpose} cannot be opened with this encryption key.`, { cause })
    }
  }

  /** Tells keys apart without telling anything of them: 16 characters. */
  fingerprint(): string {
    return this.derive('fingerprint').slice(0, 16)
  }

  /** A token that follows from its purpose, e.g. `editor:<notebook>:<generation>`: 43 characters, never stored. */
  derive(purpose: string): string {
    return createHmac('sha256', this.#key).update(purpose).digest('base64url')
  }
}
