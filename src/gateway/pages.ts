/** What the gateway says instead of an editor. Every sentence is for the person who wanted to work in a notebook. */
import type { Phase, State } from '../domain/lifecycle.ts'
import type { Answer } from './answer.ts'
import { html } from './html.ts'
import type { Route } from './routes.ts'

const STATES: Readonly<Record<State, string>> = {
  STARTING: 'is starting',
  RUNNING: 'is running, but its editor has no address yet',
  STOPPING: 'is stopping',
  STOPPED: 'is stopped',
  FAILED: 'failed',
  ERROR: 'met an error of the platform',
  DELETING: 'is being deleted',
}

const PHASES: Readonly<Record<Phase, string>> = {
  QUEUED: 'Waiting for free resources',
  PULLING_DATA: 'Bringing its data',
  ALLOCATING: 'Allocating resources',
  PULLING_IMAGE: 'Fetching its image',
  STARTING_CONTAINER: 'Starting the editor',
  STOPPING_CONTAINER: 'Ending the editor',
  SAVING_WORKSPACE: 'Saving the workspace',
  PUSHING_DATA: 'Bringing its data back',
  REMOVING: 'Removing what is left',
}

const MOVING_REFRESH_SECONDS = 2
const SETTLED_REFRESH_SECONDS = 10

export function notRunning(route: Route): Answer {
  const { state, phase, reason, message } = route
  const refreshSeconds = phase || state === 'RUNNING' ? MOVING_REFRESH_SECONDS : SETTLED_REFRESH_SECONDS
  return {
    status: 503,
    headers: { 'Retry-After': String(refreshSeconds) },
    page: {
      title: `${route.name} ${STATES[state]}`,
      refreshSeconds,
      body: html`<dl>
<dt>State</dt><dd>${state}</dd>
${phase && html`<dt>Phase</dt><dd>${PHASES[phase]} (${phase})</dd>`}
${reason && html`<dt>Reason</dt><dd>${reason}</dd>`}
${message && html`<dt>Message</dt><dd>${message}</dd>`}
</dl>
<p>This page looks again every ${refreshSeconds} seconds.</p>`,
    },
    json: { code: 'INVALID_STATE', message: `The notebook ${STATES[state]}.`, state, phase, reason, detail: message },
  }
}

/** The same for what is not there and what is not the visitor's, so that nothing can be probed. */
export function notFound(signInUrl: string): Answer {
  const message = 'There is no such notebook, or it is not yours.'
  return {
    status: 404,
    page: {
      title: 'Not found',
      body: html`<p>${message}</p>\n<p><a href="${signInUrl}">Sign in as someone else</a></p>`,
    },
    json: { code: 'NOT_FOUND', message },
  }
}

export function portNotPublished(port: number): Answer {
  return plain(404, 'NOT_FOUND', 'Port not published', `Port ${port} of this notebook is not published.`)
}

export function unreachable(): Answer {
  const message = 'The notebook is running, but its editor did not answer this request. It was not sent again.'
  return {
    status: 502,
    page: { title: 'The editor does not answer', body: html`<p>${message}</p>\n<p><a href="">Try again</a></p>` },
    json: { code: 'UNAVAILABLE', message },
  }
}

/** `signInUrl`: for a person who can be sent there; null for a program. */
export function unauthenticated(signInUrl: string | null): Answer {
  if (signInUrl) return redirect(signInUrl)
  const answer = plain(
    401,
    'UNAUTHENTICATED',
    'Sign in',
    'This needs an API token ("Authorization: Bearer …") or a session.',
  )
  return { ...answer, headers: { 'WWW-Authenticate': 'Bearer realm="Cahier"' } }
}

/** `url` must be one that we made or checked. */
export function redirect(url: string, headers: Answer['headers'] = {}): Answer {
  return {
    status: 302,
    headers: { ...headers, Location: url },
    page: { title: 'This way', body: html`<p><a href="${url}">Go on</a></p>` },
    json: { code: 'OK', message: `Go on at ${url}` },
  }
}

export function foreignOrigin(): Answer {
  return plain(403, 'FORBIDDEN', 'Refused', 'A page of another origin may not do this in your name.')
}

export function badRequest(message: string): Answer {
  return plain(400, 'BAD_REQUEST', 'Not understood', message)
}

export function signedOut(signInUrl: string, clearedCookie: string): Answer {
  return {
    status: 200,
    headers: { 'Set-Cookie': clearedCookie },
    page: {
      title: 'Signed out',
      body: html`<p>You are signed out of this notebook in this browser.</p>
<p>Of Cahier itself you can sign out <a href="${signInUrl}">where you signed in</a>.</p>`,
    },
    json: { code: 'OK', message: 'Signed out.' },
  }
}

/** `wish`: the notebook and the path to go on to. `problem`: why the last try failed, with its status. */
export function signInForm(wish: URLSearchParams, status = 200, problem?: string): Answer {
  const hidden = (name: string) =>
    wish.has(name) && html`<input type="hidden" name="${name}" value="${wish.get(name)}">`
  return {
    status,
    page: {
      title: 'Sign in',
      body: html`${problem && html`<p role="alert">${problem}</p>`}
<form method="post" action="/sign-in">
${hidden('notebook')}${hidden('to')}
<label>API token <input type="password" name="token" required autofocus autocomplete="current-password"></label>
<button>Sign in</button>
</form>`,
    },
    json: { code: 'UNAUTHENTICATED', message: problem ?? 'Send the form with an API token as "token".' },
  }
}

export function signedIn(): Answer {
  return {
    status: 200,
    page: {
      title: 'Signed in',
      body: html`<p>This browser may open the notebooks of your projects.</p>
<form method="post" action="/sign-in/end"><button>Sign out</button></form>`,
    },
    json: { code: 'OK', message: 'Signed in.' },
  }
}

export function noSuchPage(): Answer {
  return plain(404, 'NOT_FOUND', 'Not found', 'There is no such page.')
}

/** `requestId` stands beside the fault in the log. */
export function internal(requestId: string): Answer {
  return plain(500, 'INTERNAL', 'Something went wrong', `The fault is on our side, and on record as ${requestId}.`)
}

function plain(status: number, code: Answer['json']['code'], title: string, message: string): Answer {
  return { status, page: { title, body: html`<p>${message}</p>` }, json: { code, message } }
}
