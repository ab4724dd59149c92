/** The audit log of a project. It is written around every mutation, see audit-plugin.ts. */
import type { ErrorCode } from '../domain/errors.ts'
import { type AuditEntryWithUser, readAuditLog } from '../usecases/audit.ts'
import { builder } from './builder.ts'
import { connectionOf, pageArgs, pageComplexity } from './connection.ts'
import { viewerOf } from './context.ts'
import { AuditOutcome } from './enums.ts'
import { ErrorCodeRef } from './errors.ts'
import { UserRef } from './member.ts'

const AuditEntryRef = builder.objectRef<AuditEntryWithUser>('AuditEntry').implement({
  description: 'A mutation that somebody asked for.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When it was answered.' }),
    user: t.expose('user', { type: UserRef, description: 'Who asked.' }),
    tokenId: t.expose('tokenId', { type: 'UUID', description: 'With which token; also when it is revoked by now.' }),
    mutation: t.exposeString('mutation', { description: 'What for: the name of the mutation.' }),
    subject: t.id({
      nullable: true,
      description: 'The id of what it was about; null when its input names nothing.',
      resolve: ({ subject }) => subject,
    }),
    outcome: t.expose('outcome', { type: AuditOutcome, description: 'What became of it.' }),
    code: t.field({
      type: ErrorCodeRef,
      nullable: true,
      description: 'Of a refusal: why, for programs.',
      resolve: ({ code }) => code as ErrorCode | null,
    }),
    message: t.exposeString('message', { nullable: true, description: 'Of a refusal: why, for people.' }),
  }),
})

const AuditEntryConnection = builder.connectionObject(
  { type: AuditEntryRef, name: 'AuditEntryConnection', description: 'A page of an audit log.' },
  { name: 'AuditEntryEdge', description: 'An entry in a page.' },
)

builder.prismaObjectField('Project', 'auditLog', (t) =>
  t.field({
    type: AuditEntryConnection,
    nullable: true,
    description:
      'Every mutation that was asked for in it, by whomever, done or refused, the newest first. For its owners: null with a FORBIDDEN error for others.',
    args: pageArgs,
    complexity: pageComplexity,
    resolve: ({ id }, args, context) =>
      connectionOf<AuditEntryWithUser>(args, { column: 'at', direction: 'desc' }, (page) =>
        readAuditLog(context.parts.database, viewerOf(context), id, page),
      ),
  }),
)
