/** Scalars. What does not fit into JSON's numbers, money and byte counts, travels as text. */
import { GraphQLError } from 'graphql'
import { decodeCursor } from '../domain/events.ts'
import { isUuid } from '../domain/ids.ts'
import { builder } from './builder.ts'

/** A parser that takes texts only, and of these only those that `parse` does not answer null for. */
export function textOnly<T>(name: string, parse: (text: string) => T | null) {
  return (value: unknown): T => {
    const parsed = typeof value === 'string' ? parse(value) : null
    if (parsed === null) throw new GraphQLError(`${JSON.stringify(value)} is no ${name}.`)
    return parsed
  }
}

builder.scalarType('DateTime', {
  description: 'A moment in UTC with milliseconds, as RFC 3339: `2026-11-23T09:30:00.000Z`.',
  serialize: (value) => value.toISOString(),
  parseValue: textOnly('DateTime', (text) => {
    const date = new Date(text)
    return /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(date.getTime()) ? date : null
  }),
})

builder.scalarType('UUID', {
  description: 'A uuid in lower case.',
  serialize: (value) => value,
  parseValue: textOnly('UUID', (text) => (isUuid(text) ? text : null)),
})

builder.scalarType('URL', {
  description:
    'An absolute address. In an input it is checked with the other fields, and named among those that are wrong.',
  serialize: (value) => value,
  parseValue: textOnly('URL', (text) => text),
})

builder.scalarType('Decimal', {
  description: 'An exact decimal number as text: `38.60`.',
  serialize: (value) => value,
  parseValue: textOnly('Decimal', (text) => (/^-?\d+(\.\d+)?$/.test(text) ? text : null)),
})

builder.scalarType('ByteSize', {
  description: 'A number of bytes as text.',
  serialize: (value) => value.toString(),
  parseValue: textOnly('ByteSize', (text) => (/^\d{1,18}$/.test(text) ? BigInt(text) : null)),
})

builder.scalarType('EventCursor', {
  description:
    'A place in a project’s sequence of events; valid for the project and for each of its notebooks. Opaque: keep it, hand it back.',
  serialize: (value) => value,
  parseValue: textOnly('EventCursor', (text) => (decodeCursor(text) ? text : null)),
})
