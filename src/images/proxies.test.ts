import { expect, test } from 'vitest'
import { proxyArguments } from './proxies.ts'

test('builds get the proxies of this machine, in either spelling, and nothing else of its environment', () => {
  const environment = {
    HTTPS_PROXY: 'http://proxy:3128',
    no_proxy: '.example.com',
    HTTP_PROXY: '',
    DATABASE_URL: 'secret',
  }
  expect(proxyArguments(environment)).toEqual({ HTTPS_PROXY: 'http://proxy:3128', no_proxy: '.example.com' })
})
