/** What the installation offers: flavors, editors, frameworks. */

import { priceToDecimal } from '../domain/billing.ts'
import type { Editor, Flavor, Framework } from '../domain/catalogue.ts'
import { isHostable } from '../usecases/flavors.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { MoneyRef } from './money.ts'

export const FlavorRef = builder.objectRef<Flavor>('Flavor').implement({
  description:
    'A unit of compute with a price. A notebook takes some units of one flavor. One that is not offered any more shows zeros.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'As used in inputs: `ai1-1-cpu`.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    vcpus: t.exposeFloat('vcpus', {
      description: 'vCPUs of one unit. A fraction in catalogues with very small flavors.',
    }),
    memory: t.field({
      type: 'ByteSize',
      description: 'Memory of one unit.',
      resolve: ({ memoryBytes }) => memoryBytes,
    }),
    gpu: t.exposeString('gpu', { nullable: true, description: 'The model of the GPU of one unit; null: none.' }),
    pricePerHour: t.field({
      type: MoneyRef,
      description: 'Of one unit; billed by the commenced minute in RUNNING.',
      resolve: ({ pricePerHourMicros }, _args, { parts }) => ({
        amount: priceToDecimal(pricePerHourMicros),
        currency: parts.catalogue.currency,
      }),
    }),
    maxUnits: t.exposeInt('maxUnits', { description: 'The most units a notebook may take.' }),
    available: t.boolean({
      description: 'Whether a node of this installation could host one unit, were it empty.',
      resolve: async (flavor, _args, { parts, loaders }) =>
        flavor.maxUnits > 0 && isHostable(parts.catalogue, await loaders.nodes(), flavor, 1),
    }),
  }),
})

export const EditorRef = builder.objectRef<Pick<Editor, 'id' | 'name'>>('Editor').implement({
  description: 'What a notebook is worked in with.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'As used in inputs: `jupyterlab`.' }),
    name: t.exposeString('name', { description: 'For people.' }),
  }),
})

interface FrameworkVersion {
  version: string
  editors: readonly string[]
}

const FrameworkVersionRef = builder.objectRef<FrameworkVersion>('FrameworkVersion').implement({
  description: 'One version of a framework.',
  fields: (t) => ({
    version: t.exposeString('version', { description: 'As used in inputs.' }),
    editors: t.field({
      type: [EditorRef],
      description: 'The editors it comes with.',
      resolve: ({ editors }, _args, context) => editors.map((id) => editorOf(context, id)),
    }),
  }),
})

export const FrameworkRef = builder.objectRef<Pick<Framework, 'id' | 'name' | 'versions'>>('Framework').implement({
  description: 'A family of images with libraries for machine learning.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'As used in inputs: `python`.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    versions: t.field({
      type: [FrameworkVersionRef],
      description: 'Newest first; the first that has the editor is the default.',
      resolve: ({ versions }) => versions.map(({ version, images }) => ({ version, editors: Object.keys(images) })),
    }),
  }),
})

const NOTHING = {
  vcpus: 0,
  memoryBytes: 0,
  shmBytes: 0,
  diskBytes: 0,
  gpu: null,
  pricePerHourMicros: 0n,
  maxUnits: 0,
} satisfies Omit<Flavor, 'id' | 'name'>

/** A flavor that the operator took off the catalogue is still known by its id; none of it can be had any more. */
export function shownFlavor({ parts }: Context, id: string): Flavor {
  return parts.catalogue.flavors.find((flavor) => flavor.id === id) ?? { id, name: id, ...NOTHING }
}

/** An editor that the operator took off the catalogue is still known by its id. */
export function editorOf({ parts }: Context, id: string): Pick<Editor, 'id' | 'name'> {
  return parts.catalogue.editors.find((editor) => editor.id === id) ?? { id, name: id }
}

export function frameworkOf({ parts }: Context, id: string): Pick<Framework, 'id' | 'name' | 'versions'> {
  return parts.catalogue.frameworks.find((framework) => framework.id === id) ?? { id, name: id, versions: [] }
}

builder.queryFields((t) => ({
  flavors: t.field({
    type: [FlavorRef],
    description: 'All flavors, in the catalogue’s order.',
    resolve: (_root, _args, { parts }) => parts.catalogue.flavors,
  }),
  frameworks: t.field({
    type: [FrameworkRef],
    description: 'All frameworks, in the catalogue’s order.',
    resolve: (_root, _args, { parts }) => parts.catalogue.frameworks,
  }),
  editors: t.field({
    type: [EditorRef],
    description: 'All editors, in the catalogue’s order.',
    resolve: (_root, _args, { parts }) => parts.catalogue.editors,
  }),
}))
