/** Subscribes by server-sent events, with nothing but fetch. */
import { print } from 'graphql'
import type { StreamItem } from '../../src/sdk/client.ts'
import { NotebookEventsDocument } from '../../src/sdk/generated/operations.ts'

export async function* sseEvents(
  { url, token }: { url: string; token: string },
  notebookId: string,
  after: string,
): AsyncGenerator<StreamItem, undefined> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: print(NotebookEventsDocument), variables: { notebookId, after } }),
  })
  let buffered = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const messages = (buffered + chunk).split('\n\n')
    buffered = messages.pop() ?? ''
    for (const message of messages) {
      const data = /^data: (\{.*)$/m.exec(message)?.[1]
      if (data) yield JSON.parse(data).data.notebookEvents
    }
  }
}
