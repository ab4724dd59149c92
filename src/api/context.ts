/** What every resolver gets: the installation's parts, who is asking, and loaders that live as long as the operation. */
import type { Viewer } from '../access/tokens.ts'
import { UnauthenticatedError } from '../domain/errors.ts'
import type { EventStreams } from '../events/streams.ts'
import type { UseCaseParts } from '../usecases/parts.ts'
import type { Loaders } from './loaders.ts'

export interface ApiParts extends UseCaseParts {
  streams: EventStreams
  /** Where people reach the control plane, without a slash at the end. */
  publicUrl: string
  /** Notebooks answer at `<uuid>.<gatewayDomain>`. */
  gatewayDomain: string
}

export interface Context {
  parts: ApiParts
  /** Null: no token came, or none that is valid. */
  viewer: Viewer | null
  loaders: Loaders
}

/** The signed-in caller. Root fields are closed to everybody else, so below them there is one. */
export function viewerOf({ viewer }: Context): Viewer {
  if (!viewer) throw new UnauthenticatedError()
  return viewer
}
