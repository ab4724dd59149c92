/** What a subscriber gets: a durable event with its cursor, the progress of a sync or a bill between two of them, or a reset. */
import type { NotebookEvent } from '../domain/events.ts'
import type { Accrual } from './accruals.ts'

export interface ItemOf<Type extends NotebookEvent['type']> {
  cursor: string
  at: Date
  notebookId: string
  event: Extract<NotebookEvent, { type: Type }>
}

export type NotebookItem = { [Type in NotebookEvent['type']]: ItemOf<Type> }[NotebookEvent['type']]

/** A minute of a run began. Not kept, so it carries the last kept cursor. */
export interface AccrualItem {
  cursor: string
  at: Date
  notebookId: string
  event: { type: 'CostAccrued' } & Omit<Accrual, 'notebookId'>
}

/** The subscriber's cursor is of no use any more: what it knows is to be fetched anew, then it goes on from here. */
export interface ResetItem {
  cursor: string
  at: Date
  event: { type: 'StreamReset' }
}

export type StreamItem = NotebookItem | AccrualItem | ResetItem
