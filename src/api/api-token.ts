/** API tokens: made, listed and revoked. */
import { scopeOf } from '../access/tokens.ts'
import { ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import type { ApiToken } from '../generated/prisma/client.ts'
import { createApiToken, type NewApiToken, revokeApiToken } from '../usecases/api-tokens.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { RoleRef } from './enums.ts'
import { LabelInput } from './inputs.ts'
import { LabelRef } from './label.ts'

export const ApiTokenRef = builder.prismaNode('ApiToken', {
  description: 'Acts as its user, within limits of its own, until it ends or is revoked.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is for.' }),
    role: t.expose('role', { type: RoleRef, description: 'The most that it may do in any project.' }),
    project: t.relation('project', {
      nullable: true,
      description: 'The only project that it is good for; null: all of its user’s.',
    }),
    label: t.field({
      type: LabelRef,
      nullable: true,
      description: 'The label of the notebooks that it sees, and puts on those that it creates; null: it sees all.',
      resolve: (token) => scopeOf(token).label,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'To the minute; null: not used yet.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked, if it was.',
    }),
    secret: t.string({
      nullable: true,
      description: 'What a client sends, `cah_…`. Only in the answer of createApiToken: it is kept nowhere.',
      resolve: (token: ApiToken | NewApiToken) => ('secret' in token ? token.secret : null),
    }),
  }),
})

const CreateApiTokenInput = builder.inputType('CreateApiTokenInput', {
  description: 'A new API token. It may not do more than the one that makes it.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for; at most 100 characters.' }),
    role: t.field({ type: RoleRef, required: true, description: 'The most that it may do in any project.' }),
    expiresAt: t.field({ type: 'DateTime', required: true, description: 'When it ends: at most a year ahead.' }),
    projectId: t.id({ description: 'The only project that it is good for; all of its user’s unless given.' }),
    label: t.field({ type: LabelInput, description: 'The label of the notebooks that it sees; all unless given.' }),
    userId: t.id({
      description: 'Whose; yours unless given. Only who looks after the installation may make one for somebody else.',
    }),
  }),
})

const RevokeApiTokenInput = builder.inputType('RevokeApiTokenInput', {
  description: 'The token to revoke.',
  fields: (t) => ({ apiTokenId: t.id({ required: true, description: 'Which one.' }) }),
})

builder.mutationFields((t) => ({
  createApiToken: t.field({
    type: ApiTokenRef,
    description: 'Makes an API token and shows its secret, once.',
    args: { input: t.arg({ type: CreateApiTokenInput, required: true, description: 'The token.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError],
      union: { description: 'The token with its secret, or why there is none.' },
    },
    resolve: (_root, { input }, context) => createApiToken(context.parts, viewerOf(context), input),
  }),
  revokeApiToken: t.field({
    type: ApiTokenRef,
    description: 'Ends a token of yours at once, with the streams that it opened.',
    args: { input: t.arg({ type: RevokeApiTokenInput, required: true, description: 'The token.' }) },
    errors: { types: [NotFoundError], union: { description: 'The token as it ended, or why it did not.' } },
    resolve: (_root, { input }, context) => revokeApiToken(context.parts, viewerOf(context), input),
  }),
}))
