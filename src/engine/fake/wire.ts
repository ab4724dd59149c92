/**
 * How the fake engine's process and its clients speak: HTTP on a unix socket, one request per call. Arguments and results are
 * serialised as Node does between threads, so that dates, buffers and maps arrive as what they were. Streams are lines of JSON,
 * the last of which says how they ended: one that breaks off without it was cut by the death of the other side.
 */
import { deserialize, serialize } from 'node:v8'
import { ContainerGoneError, EngineUnavailableError, ImageError, NameTakenError, VolumeInUseError } from '../port.ts'

/** What a call came to. */
export type Outcome = { value: unknown } | { error: CarriedError }

export type Frame<T> = { item: T } | { error: CarriedError } | { end: true }

interface CarriedError {
  name: string
  message: string
}

const CLASSES: Readonly<Record<string, new (message: string) => Error>> = {
  EngineUnavailableError,
  ContainerGoneError,
  NameTakenError,
  ImageError,
  VolumeInUseError,
}

export function pack(value: unknown): Buffer {
  return serialize(value)
}

export function unpack<T>(bytes: Uint8Array): T {
  return deserialize(bytes) as T
}

export function carried(error: unknown): CarriedError {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) }
}

/** The port's errors by their class, every other one as an Error. */
export function revived({ name, message }: CarriedError): Error {
  const Class = CLASSES[name]
  return Class ? new Class(message) : new Error(message)
}
