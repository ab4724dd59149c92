import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cookieOf, NOTEBOOK, type Reply, SIBLING, World } from '../../test/gateway/world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
  await world.run(
    NOTEBOOK,
    createServer((_req, res) => res.end('lab')),
  )
})
afterEach(() => world[Symbol.asyncDispose]())

const PAGE = { accept: 'text/html' }

function show(query: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Reply> {
  const path = `/sign-in?${new URLSearchParams(query)}`
  return world.call({ host: world.controlPlane, path, headers: { ...PAGE, ...headers } })
}

function post(form: Record<string, string>, headers: Record<string, string> = {}, path = '/sign-in'): Promise<Reply> {
  const body = new URLSearchParams(form).toString()
  return world.call({
    host: world.controlPlane,
    path,
    method: 'POST',
    body,
    headers: {
      ...PAGE,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    },
  })
}

/** Goes where a reply sends a browser. */
function follow(reply: Reply): Promise<Reply> {
  const link = new URL(reply.headers.location ?? '')
  return world.call({ host: link.host, path: `${link.pathname}${link.search}`, headers: PAGE })
}

test('from the link to the editor: sign in once, get a session, go on to where the link led', async () => {
  const sent = await world.call({ path: '/lab/tree/a%20b?x=1', headers: PAGE })
  const link = new URL(sent.headers.location ?? '')
  const form = await world.call({ host: link.host, path: `${link.pathname}${link.search}`, headers: PAGE })
  expect(form.text).toContain(`<input type="hidden" name="to" value="/lab/tree/a%20b?x=1">`)

  const code = await post({ ...Object.fromEntries(link.searchParams), token: ' cah_ana\n' })
  expect(code.status).toBe(302)
  expect(code.headers.location).toContain(`${world.originOf(NOTEBOOK)}/.cahier/session?code=`)
  const session = await follow(code)
  expect(session.status).toBe(302)
  expect(session.headers.location).toBe(`${world.originOf(NOTEBOOK)}/lab/tree/a%20b?x=1`)
  expect(session.headers['set-cookie']?.[0]).toMatch(
    /^__Host-cahier-notebook=[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  )
  expect(await world.call({ headers: { cookie: cookieOf(session) } })).toMatchObject({ status: 200, text: 'lab' })
})

test('a browser that signed in before goes on without being asked', async () => {
  const cookie = cookieOf(await post({ token: 'cah_ana' }))
  expect(cookie).toMatch(/^__Host-cahier-sign-in=/)
  const sent = await show({ notebook: NOTEBOOK, to: '/lab' }, { cookie })
  expect(sent.status).toBe(302)
  expect((await follow(sent)).headers['set-cookie']).toHaveLength(1)
})

test('a code works once', async () => {
  const sent = await post({ notebook: NOTEBOOK, to: '/', token: 'cah_ana' })
  expect((await follow(sent)).headers['set-cookie']).toHaveLength(1)
  expect((await follow(sent)).headers).not.toHaveProperty('set-cookie')
})

test('a code works for 60 seconds and for its own notebook only', async () => {
  const late = await post({ notebook: NOTEBOOK, to: '/', token: 'cah_ana' })
  world.clock.pass(60_000)
  expect((await follow(late)).headers).not.toHaveProperty('set-cookie')

  const sent = await post({ notebook: NOTEBOOK, to: '/', token: 'cah_ana' })
  const elsewhere = { ...sent, headers: { location: sent.headers.location?.replace(NOTEBOOK, SIBLING) ?? '' } }
  expect((await follow(elsewhere)).headers).not.toHaveProperty('set-cookie')
})

test('a made-up code or session is nothing', async () => {
  for (const code of ['', 'x', 'A'.repeat(200), '%00'])
    expect((await world.call({ path: `/.cahier/session?code=${code}`, headers: {} })).headers).not.toHaveProperty(
      'set-cookie',
    )
  for (const value of ['', 'x', 'A'.repeat(200)])
    expect((await world.call({ headers: { cookie: `__Host-cahier-notebook=${value}` } })).status).toBe(401)
})

test('`to` leads nowhere but to the notebook', async () => {
  const home = `${world.originOf(NOTEBOOK)}/`
  const elsewhere = [
    ...['https://evil.example/', '//evil.example', '/\\evil.example', '/\t/evil.example'],
    ...['javascript:alert(1)', 'evil.example', '@evil.example', ''],
  ]
  for (const to of elsewhere) {
    const sent = await post({ notebook: NOTEBOOK, to, token: 'cah_ana' })
    expect((await follow(sent)).headers.location).toBe(home)
    const path = `/.cahier/session?${new URLSearchParams({ to })}`
    expect((await world.call({ path, headers: PAGE })).headers.location).toBe(home)
  }
  const disguised = await world.call({ path: '/.cahier/session?to=/..//evil.example', headers: PAGE })
  expect(disguised.headers.location).toBe(`${home}/evil.example`)
})

test('a wrong token is said plainly and never shown again', async () => {
  const reply = await post({ notebook: NOTEBOOK, to: '/', token: 'cah_wrong' })
  expect(reply.status).toBe(403)
  expect(reply.text).toContain('<p role="alert">This token is unknown, has expired or was revoked.</p>')
  expect(reply.text).not.toContain('cah_wrong')
  expect(reply.headers).not.toHaveProperty('set-cookie')
})

test('whoever may not open the notebook gets no code, and may try another token', async () => {
  const cookie = cookieOf(await post({ token: 'cah_bob' }))
  for (const reply of [
    await show({ notebook: NOTEBOOK, to: '/' }, { cookie }),
    await show({ notebook: 'x"><script>', to: '/' }, { cookie }),
    await post({ notebook: NOTEBOOK, to: '/', token: 'cah_bob' }),
  ]) {
    expect(reply.status).toBe(404)
    expect(reply.text).toContain('name="token"')
    expect(reply.text).not.toContain('<script>')
  }
})

test('only the page itself can post its form', async () => {
  const form = { notebook: NOTEBOOK, to: '/', token: 'cah_ana' }
  for (const origin of ['https://evil.example', world.originOf(NOTEBOOK), 'null'])
    expect((await post(form, { origin })).status).toBe(403)
  expect((await post(form, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  const own = { origin: `http://${world.controlPlane}`, 'sec-fetch-site': 'same-origin' }
  expect((await post(form, own)).status).toBe(302)
})

test('signing out of Cahier ends the session of the page, and a revoked token ends it too', async () => {
  const cookie = cookieOf(await post({ token: 'cah_ana' }))
  expect((await show({}, { cookie })).text).toContain('Sign out')
  const out = await post({}, { cookie }, '/sign-in/end')
  expect(out.headers['set-cookie']?.[0]).toMatch(/^__Host-cahier-sign-in=; Max-Age=0/)
  world.people.tokens.delete('cah_ana')
  expect((await show({}, { cookie })).text).toContain('name="token"')
})

test('what is no small form is refused', async () => {
  expect((await post({ token: 'x'.repeat(9_000) })).status).toBe(400)
  expect((await post({ token: 'cah_ana' }, { 'content-type': 'application/json' })).status).toBe(400)
  expect((await post({}, {}, '/sign-in/elsewhere')).status).toBe(400)
  expect((await world.call({ host: world.controlPlane, path: '/sign-in', method: 'PUT', headers: {} })).status).toBe(
    400,
  )
})

test('a path that is none of the page is a 404, also one that looks like a host', async () => {
  for (const path of ['/sign-in/', '/sign-in/x', '//', '//sign-in', '/sign-in%2F'])
    expect((await world.call({ host: world.controlPlane, path, headers: PAGE })).status).toBe(404)
})

test('the page is in no frame and no cache, runs nothing, and its form may lead to notebooks', async () => {
  const { headers } = await show()
  const policy = String(headers['content-security-policy']).split('; ')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).toContain(`form-action 'self' http://*.notebooks.localhost:${world.port}`)
  expect(headers).toMatchObject({
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
  })
})
