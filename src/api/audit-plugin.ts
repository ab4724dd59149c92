/**
 * Puts every mutation on record when it is answered, whatever it does and whoever writes the next one. A caller without a
 * token is nobody, and asks in vain. Stands inside the plugin that makes results of errors, so that it sees them thrown.
 */
import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import { DomainError } from '../domain/errors.ts'
import { parseId } from '../domain/ids.ts'
import { type AskedMutation, recordMutation } from '../usecases/audit.ts'
import type { Context } from './context.ts'

export const AUDIT = 'audit' as const

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      [AUDIT]: AuditPlugin<Types>
    }
  }
}

class AuditPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: Resolver<Types['Context']>,
    { name, parentType }: PothosOutputFieldConfig<Types>,
  ): Resolver<Types['Context']> {
    return parentType === 'Mutation' ? putOnRecord(name, resolve) : resolve
  }
}

SchemaBuilder.registerPlugin(AUDIT, AuditPlugin)

type Resolver<C> = GraphQLFieldResolver<unknown, C, object>

function putOnRecord<C>(mutation: string, resolve: Resolver<C>): Resolver<C> {
  return async (root, args, context, info) => {
    const { viewer, parts } = context as Context
    const subject = subjectOf((args as { input: object }).input)
    const record = async (asked: Pick<AskedMutation, 'madeIn' | 'refusal'>) => {
      if (viewer) await recordMutation(parts.database, viewer, { mutation, subject, ...asked })
    }
    let result: unknown
    try {
      result = await resolve(root, args, context, info)
    } catch (error) {
      await record({ madeIn: null, refusal: error instanceof DomainError ? error : 'FAULT' })
      throw error
    }
    await record({ madeIn: madeIn(mutation, result), refusal: null })
    return result
  }
}

/** The first id in it, in the order of the input's fields. */
function subjectOf(input: object): string | null {
  const isId = (value: unknown): value is string => typeof value === 'string' && parseId(value) !== null
  return Object.values(input).find(isId) ?? null
}

/** What a mutation makes tells its project, if any; a project is its own. */
function madeIn(mutation: string, result: unknown): string | null {
  const made = result as { id?: string; projectId?: string | null }
  return (mutation === 'createProject' ? made.id : made.projectId) ?? null
}
