import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cookieOf, EDITOR_PORT, NOTEBOOK, routeOf, SIBLING, World } from '../../test/gateway/world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
  for (const id of [NOTEBOOK, SIBLING])
    await world.run(
      id,
      createServer((_req, res) => res.end('lab')),
    )
})
afterEach(() => world[Symbol.asyncDispose]())

const PAGE = { accept: 'text/html,application/xhtml+xml' }

/** A session of Ana's, as the browser holds it after signing in by link. */
async function session(label = NOTEBOOK): Promise<string> {
  const form = new URLSearchParams({ notebook: label, to: '/', token: 'cah_ana' }).toString()
  const sent = await world.call({
    host: world.controlPlane,
    path: '/sign-in',
    method: 'POST',
    body: form,
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) },
  })
  const link = new URL(sent.headers.location ?? '')
  return cookieOf(await world.call({ host: link.host, path: `${link.pathname}${link.search}`, headers: {} }))
}

test('a token in the header opens the notebooks of its viewer', async () => {
  expect(await world.call({ headers: { authorization: 'Bearer cah_ana' } })).toMatchObject({ status: 200, text: 'lab' })
})

test('without credentials a program gets a 401 that says what is missing, and a person is sent to sign in', async () => {
  const program = await world.call({ headers: {} })
  expect(program.status).toBe(401)
  expect(program.headers['www-authenticate']).toContain('Bearer')
  expect(JSON.parse(program.text)).toMatchObject({ code: 'UNAUTHENTICATED' })

  const person = await world.call({ path: '/lab?a=1&b=2', headers: PAGE })
  expect(person.status).toBe(302)
  const link = new URL(person.headers.location ?? '')
  expect(`${link.origin}${link.pathname}`).toBe(`http://${world.controlPlane}/sign-in`)
  expect(Object.fromEntries(link.searchParams)).toEqual({ notebook: NOTEBOOK, to: '/lab?a=1&b=2' })
})

test('a form that a person posts without a session is not redirected, because its body would be lost', async () => {
  expect((await world.call({ method: 'POST', headers: PAGE })).status).toBe(401)
})

test("an unknown notebook and someone else's look the same, to a stranger as to a viewer", async () => {
  const unknown = '33333333-3333-4333-8333-333333333333'
  for (const headers of [{}, PAGE, { authorization: 'Bearer cah_ana' }, { ...PAGE, authorization: 'Bearer cah_ana' }]) {
    const [one, other] = await Promise.all(
      [SIBLING, unknown].map((id) => world.call({ host: world.hostOf(id), headers })),
    )
    const strip = (text = '') => text.replaceAll(unknown, SIBLING)
    expect(one?.status).toBe(other?.status)
    expect(one?.text).toBe(strip(other?.text))
    expect(one?.headers.location).toBe(other?.headers.location && strip(other.headers.location))
  }
})

test('a Host below the domain that names no notebook is a 404 and never the control plane', async () => {
  for (const label of ['www', `${NOTEBOOK}-0`, `${NOTEBOOK}-70000`, `a.${NOTEBOOK}`, `x${NOTEBOOK}`])
    expect((await world.call({ host: world.hostOf(label), path: '/sign-in' })).status).toBe(404)
})

test('a public notebook needs no credentials', async () => {
  world.routes.set(NOTEBOOK, { ...(world.routes.get(NOTEBOOK) ?? routeOf(NOTEBOOK)), publicAccess: true })
  expect(await world.call({ headers: {} })).toMatchObject({ status: 200, text: 'lab' })
})

test('a session is good for the origin that it was given to, and no other', async () => {
  const cookie = await session()
  expect((await world.call({ headers: { cookie } })).status).toBe(200)
  world.people.openings.add(`id-ana ${SIBLING}`)
  expect((await world.call({ headers: { cookie }, host: world.hostOf(SIBLING) })).status).toBe(401)
  expect((await world.call({ headers: { cookie }, host: world.hostOf(`${NOTEBOOK}-${EDITOR_PORT}`) })).status).toBe(401)
})

test('a session ends after twelve hours, with its token, and with the role, each within five seconds', async () => {
  const cookie = await session()
  const status = async () => (await world.call({ headers: { cookie } })).status
  world.clock.pass(12 * 60 * 60 * 1000 - 1)
  expect(await status()).toBe(200)
  world.clock.pass(1)
  expect(await status()).toBe(401)

  const another = await session()
  const other = async () => (await world.call({ headers: { cookie: another } })).status
  expect(await other()).toBe(200)
  world.people.openings.clear()
  world.clock.pass(5_000)
  expect(await other()).toBe(404)
  world.people.tokens.delete('cah_ana')
  world.clock.pass(5_000)
  expect(await other()).toBe(401)
})

test("with a session, pages of other origins can neither write nor open a WebSocket; the notebook's own can", async () => {
  const cookie = await session()
  const status = async (method: string, headers: Record<string, string>) =>
    (await world.call({ method, headers: { cookie, ...headers } })).status
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
  const foreign = [world.originOf(SIBLING), `http://${world.controlPlane}`, 'https://evil.example', 'null']
  for (const origin of foreign) {
    expect(await status('POST', { origin })).toBe(403)
    expect(await status('GET', { origin, ...upgrade })).toBe(403)
  }
  for (const site of ['same-site', 'cross-site']) {
    expect(await status('DELETE', { 'sec-fetch-site': site })).toBe(403)
    expect(await status('GET', { 'sec-fetch-site': site, ...upgrade })).toBe(403)
  }
  const origin = world.originOf(NOTEBOOK)
  expect(await status('POST', { origin, 'sec-fetch-site': 'same-origin' })).toBe(200)
  expect(await status('POST', {})).toBe(200)
})

test('with a session, pages of other origins may link to a notebook but not load it as a part of themselves', async () => {
  const cookie = await session()
  const status = async (mode: string, dest: string) =>
    (
      await world.call({
        headers: { cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest },
      })
    ).status
  expect(await status('navigate', 'document')).toBe(200)
  expect(await status('navigate', 'iframe')).toBe(403)
  expect(await status('no-cors', 'script')).toBe(403)
  expect(await status('cors', 'empty')).toBe(403)
})

test('a public notebook is no way round: pages of other origins cannot use it through a visitor', async () => {
  world.routes.set(NOTEBOOK, { ...(world.routes.get(NOTEBOOK) ?? routeOf(NOTEBOOK)), publicAccess: true })
  expect((await world.call({ method: 'POST', headers: { origin: world.originOf(SIBLING) } })).status).toBe(403)
})

test('a token in the header is brought on purpose, so its origin does not matter', async () => {
  const headers = { authorization: 'Bearer cah_ana', origin: 'https://tool.example' }
  expect((await world.call({ method: 'POST', headers })).status).toBe(200)
})

test('signing out ends the session in the browser, and nobody else can do it', async () => {
  const cookie = await session()
  const out = await world.call({ path: '/.cahier/sign-out', headers: { cookie, ...PAGE, 'sec-fetch-site': 'none' } })
  expect(out.status).toBe(200)
  expect(out.headers['set-cookie']?.[0]).toMatch(/^__Host-cahier-notebook=; Max-Age=0; Path=\//)
  const link = { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  expect((await world.call({ path: '/.cahier/sign-out', headers: { cookie, ...link } })).status).toBe(403)
})
