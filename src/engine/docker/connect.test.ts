import { afterEach, expect, test, vi } from 'vitest'
import { connectDocker } from './connect.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test('the daemon that was named is used, whatever the environment names', () => {
  vi.stubEnv('DOCKER_HOST', 'tcp://elsewhere:2375')
  expect(connectDocker('unix:///run/docker.sock').modem).toMatchObject({
    socketPath: '/run/docker.sock',
    host: undefined,
    protocol: 'http',
  })
  vi.stubEnv('DOCKER_HOST', 'unix:///run/other.sock')
  expect(connectDocker('tcp://node:2376').modem).toMatchObject({ host: 'node', port: '2376', protocol: 'http' })
  expect(connectDocker('https://node').modem).toMatchObject({ host: 'node', port: 2376, protocol: 'https' })
})
