/** Makes the SDK's typed operations from the printed schema and `src/sdk/operations/`. */
import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/sdk/operations/*.graphql',
  generates: {
    'src/sdk/generated/operations.ts': {
      plugins: ['typescript-operations', 'typed-document-node'],
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: {
          ID: 'string',
          DateTime: 'string',
          UUID: 'string',
          URL: 'string',
          Decimal: 'string',
          YearMonth: 'string',
          ByteSize: 'string',
          EventCursor: 'string',
        },
        strictScalars: true,
      },
    },
  },
}

export default config
