/** A notebook's events, replayed: where it went, and when it was RUNNING. */
import { type Phase, type Place, placeOf, type State, TRANSITIONS } from '../../../src/domain/lifecycle.ts'
import type { NotebookOnRecord } from './records.ts'

/** One stay in RUNNING; `left` is null while it lasts. */
export interface Stay {
  entered: Date
  left: { at: Date; seq: bigint } | null
}

export interface History {
  /** Where the events say that it is; null: nowhere yet. */
  place: Place | null
  isDeleted: boolean
  stays: Stay[]
  /** What no history may have, in sentences. */
  faults: string[]
}

interface Moved {
  from?: State
  to?: State
  phase?: Phase | null
}

export function replay(notebook: Pick<NotebookOnRecord, 'events'>): History {
  const history: History = { place: null, isDeleted: false, stays: [], faults: [] }
  for (const { type, payload, at, seq } of notebook.events) {
    if (history.isDeleted) history.faults.push(`event ${seq} (${type}) came after its deletion`)
    if (!history.place && type !== 'NotebookCreated')
      history.faults.push(`event ${seq} (${type}) came before its creation`)
    if (type === 'NotebookCreated') create(history, seq)
    else if (type === 'NotebookDeleted') remove(history, seq)
    else if (type === 'StateChanged' || type === 'PhaseChanged') move(history, payload as Moved, at, seq)
  }
  return history
}

function create(history: History, seq: bigint): void {
  if (history.place) history.faults.push(`event ${seq} created it a second time`)
  history.place = 'STARTING/QUEUED'
}

function remove(history: History, seq: bigint): void {
  if (history.place !== 'DELETING/REMOVING') history.faults.push(`event ${seq} deleted it in ${history.place}`)
  history.isDeleted = true
}

function move(history: History, { from, to, phase = null }: Moved, at: Date, seq: bigint): void {
  if (!history.place) return
  const state = stateOf(history.place)
  if (from && from !== state) history.faults.push(`event ${seq} says that it came from ${from}, but it was ${state}`)
  const next = placeOf(to ?? state, phase)
  if (next !== history.place && !TRANSITIONS[history.place]?.includes(next))
    history.faults.push(`event ${seq} took it from ${history.place} to ${next}, which the table does not allow`)
  if (state === 'RUNNING' && next !== 'RUNNING') leave(history, at, seq)
  if (state !== 'RUNNING' && next === 'RUNNING') history.stays.push({ entered: at, left: null })
  history.place = next
}

function leave({ stays }: History, at: Date, seq: bigint): void {
  const stay = stays.at(-1)
  if (stay) stay.left = { at, seq }
}

export function stateOf(place: Place): State {
  return place.split('/')[0] as State
}
