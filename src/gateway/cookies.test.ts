import { expect, test } from 'vitest'
import { boundToOrigin, OriginCookie, withoutOurs } from './cookies.ts'

test('the prefix that keeps siblings out is there where browsers take it: over https and on this machine', () => {
  const set = (origin: string) => new OriginCookie('cahier-notebook', origin).set('v', 60)
  for (const origin of [
    'https://a.example',
    'http://localhost:4000',
    'http://x.notebooks.localhost:4000',
    'http://127.0.0.1:1',
  ])
    expect(set(origin)).toBe('__Host-cahier-notebook=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure')
  for (const origin of ['http://a.example', 'http://localhost.example', 'http://10.0.0.1'])
    expect(set(origin)).toBe('cahier-notebook=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax')
})

test('no cookie of ours passes, whatever its prefix and spacing; all others do', () => {
  expect(withoutOurs('a=1;cahier-notebook=x;  __Host-cahier-sign-in=y ; b=2=3; c')).toBe('a=1; b=2=3; c')
  expect(withoutOurs('__Host-cahier-notebook=x')).toBeUndefined()
  expect(withoutOurs(undefined)).toBeUndefined()
})

test("a container's cookie keeps everything but its Domain", () => {
  expect(boundToOrigin('a=b=c; Path=/; Domain=.x; Secure; SameSite=None')).toBe('a=b=c; Path=/; Secure; SameSite=None')
  expect(boundToOrigin('domain=1')).toBe('domain=1')
  expect(boundToOrigin('a=1; domain')).toBe('a=1')
  expect(boundToOrigin(' cahier-notebook=x; Path=/')).toBeNull()
})
