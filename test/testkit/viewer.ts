/** Users as use cases see them, without going by a token: they may do all that their role allows. */
import { UNLIMITED, type Viewer } from '../../src/access/tokens.ts'

export function viewerFor(user: { id: string; name: string }): Viewer {
  return { userId: user.id, name: user.name, tokenId: user.id, expiresAt: new Date(8.64e15), scope: UNLIMITED }
}
