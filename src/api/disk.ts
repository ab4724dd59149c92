/** What a notebook takes of its node's disk. */
import { builder } from './builder.ts'

export const DiskUsageRef = builder.prismaObject('DiskUsage', {
  description: 'Of workspace, RW and RWD volumes, and what was written elsewhere in the container.',
  select: { notebook: { select: { flavor: true, units: true } } },
  fields: (t) => ({
    used: t.expose('usedBytes', { type: 'ByteSize', description: 'As last measured.' }),
    limit: t.field({
      type: 'ByteSize',
      nullable: true,
      description:
        'What its flavor has for its units. From 90 % of it the notebook warns, from 110 % it is saved and stopped. Null: its flavor is not offered any more.',
      resolve: ({ notebook: { flavor, units } }, _args, context) => {
        const offered = context.parts.catalogue.flavors.find(({ id }) => id === flavor)
        return offered ? BigInt(offered.diskBytes) * BigInt(units) : null
      },
    }),
    measuredAt: t.expose('measuredAt', { type: 'DateTime', description: 'When.' }),
  }),
})
