/**
 * What every document has to pass on every transport, before anything of it is carried out: not too long, not an
 * introspection many times over, and for a subscription not too costly. (Of queries and mutations the schema itself
 * judges the cost, see limits.ts.)
 */
import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  getOperationAST,
  Kind,
  parse,
  type ValidationContext,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { assertAffordable, MAX_INTROSPECTIONS, MAX_TOKENS } from './limits.ts'

export const guards: Plugin = {
  onParse({ setParseFn }) {
    setParseFn((source, options) => parse(source, { ...options, maxTokens: MAX_TOKENS }))
  },

  onValidate({ addValidationRule }) {
    addValidationRule(FewIntrospectionsRule)
  },

  onSubscribe({ args, setResultAndStopExecution }) {
    const { schema, operationName, variableValues, contextValue } = args
    try {
      assertAffordable(schema, onlyOperation(args.document, operationName), variableValues ?? {}, contextValue)
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error
      setResultAndStopExecution({ errors: [error] })
    }
  },
}

/** Without the operations that are not carried out. */
function onlyOperation(document: DocumentNode, name: string | null | undefined): DocumentNode {
  const operation = getOperationAST(document, name)
  return {
    ...document,
    definitions: document.definitions.filter((each) => each.kind !== Kind.OPERATION_DEFINITION || each === operation),
  }
}

/** Introspection costs much and needs no token; one answer may not hold it over and over under other names. */
function FewIntrospectionsRule(context: ValidationContext): ASTVisitor {
  let seen = 0
  return {
    Field(node) {
      if (node.name.value !== '__schema' && node.name.value !== '__type') return
      seen += 1
      if (seen === MAX_INTROSPECTIONS + 1)
        context.reportError(new GraphQLError('The document asks for the schema too often.', { nodes: node }))
    },
  }
}
