/** Members: who belongs to a project, and what they may do. */
import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import { encodeId } from '../domain/ids.ts'
import type { User } from '../generated/prisma/client.ts'
import { addMember, type MemberWithUser, removeMember } from '../usecases/members.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { RoleRef } from './enums.ts'

export const UserRef = builder.objectRef<User>('User').implement({
  description: 'Somebody.',
  fields: (t) => ({
    id: t.id({ description: 'As inputs take it.', resolve: ({ id }) => encodeId('User', id) }),
    name: t.exposeString('name', { description: 'Unique in the installation.' }),
  }),
})

const MemberRef = builder.objectRef<MemberWithUser>('Member').implement({
  description: 'A user in a project.',
  fields: (t) => ({
    user: t.expose('user', { type: UserRef, description: 'Who.' }),
    role: t.expose('role', { type: RoleRef, description: 'What they may do in it.' }),
    since: t.expose('createdAt', { type: 'DateTime', description: 'When they became a member.' }),
  }),
})

builder.prismaObjectField('Project', 'members', (t) =>
  t.field({
    type: [MemberRef],
    description: 'Who belongs to it, by name.',
    resolve: ({ id }, _args, { parts }) =>
      parts.database.member.findMany({
        where: { projectId: id },
        include: { user: true },
        orderBy: [{ user: { name: 'asc' } }, { userId: 'asc' }],
      }),
  }),
)

const AddMemberInput = builder.inputType('AddMemberInput', {
  description: 'Who is to belong to a project.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'To which.' }),
    userName: t.string({ required: true, description: 'Whose name; one that nobody has yet makes a new user.' }),
    role: t.field({ type: RoleRef, required: true, description: 'What they may do. Who is a member already gets it.' }),
  }),
})

const RemoveMemberInput = builder.inputType('RemoveMemberInput', {
  description: 'Who is not to belong to a project any more.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'To which.' }),
    userId: t.id({ required: true, description: 'Whose.' }),
  }),
})

builder.mutationFields((t) => ({
  addMember: t.field({
    type: MemberRef,
    description: 'Makes somebody a member of a project, or gives a member another role. For its owners.',
    args: { input: t.arg({ type: AddMemberInput, required: true, description: 'Who, and as what.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError, ConflictError],
      union: { description: 'The member, or why there is none.' },
    },
    resolve: (_root, { input }, context) => addMember(context.parts, viewerOf(context), input),
  }),
  removeMember: t.field({
    type: MemberRef,
    description: 'Takes somebody out of a project; their streams of it end. For its owners; everybody may leave.',
    args: { input: t.arg({ type: RemoveMemberInput, required: true, description: 'Who.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ConflictError],
      union: { description: 'Who was a member, or why they still are.' },
    },
    resolve: (_root, { input }, context) => removeMember(context.parts, viewerOf(context), input),
  }),
}))
