import { expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'

test('without an environment Cahier listens on loopback, port 4000, with embedded parts', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 4000,
    publicUrl: 'http://localhost:4000',
    gatewayDomain: 'notebooks.localhost:4000',
    databaseUrl: undefined,
    dockerHost: undefined,
    objectStore: undefined,
  })
})

test.each([
  [{ PORT: 'x' }, /^PORT: /],
  [{ PORT: '70000' }, /^PORT: /],
  [{ DATABASE_URL: 'mysql://x' }, /^DATABASE_URL: "mysql:\/\/x" is not a URL such as postgresql/],
  [{ DOCKER_HOST: 'nonsense' }, /^DOCKER_HOST: /],
  [{ S3_ENDPOINT: 'http://s3.example.com' }, /^S3_ENDPOINT: needs S3_ACCESS_KEY and S3_SECRET_KEY/],
  [{ GATEWAY_DOMAIN: 'foo bar' }, /^GATEWAY_DOMAIN: is not a domain/],
  [{ GATEWAY_DOMAIN: 'https://nb.example.com' }, /^GATEWAY_DOMAIN: is not a domain/],
  [{ PUBLIC_URL: 'https://cahier.example.com' }, /^GATEWAY_DOMAIN: must be given with a PUBLIC_URL/],
  [{ ALLOWED_PRIVATE_ADDRESSES: 'here' }, /^ALLOWED_PRIVATE_ADDRESSES\.0: is not a list/],
  [
    { NOTEBOOK_ALLOWED_ADDRESSES: '10.0.0.5:5432,db:5432' },
    /^NOTEBOOK_ALLOWED_ADDRESSES: "db:5432" is not an address such as 10\.0\.0\.5:5432 or 10\.1\.0\.0\/16/,
  ],
  [{ GPUS: 'GPU-1' }, /^GPUS: is not a list such as/],
  [{ GPUS: 'GPU-1=L4 24 GiB,GPU-1=L4 24 GiB' }, /^GPUS: is not a list such as/],
  [{ ENCRYPTION_KEY: 'short' }, /^ENCRYPTION_KEY: is not 32 bytes/],
])('a wrong value gives one sentence that names the variable: %o', (env, sentence) => {
  expect(() => readConfig(env)).toThrow(ConfigError)
  expect(() => readConfig(env)).toThrow(sentence)
})

test('an operator names GPUs by device and model, says that there are none, or leaves it to be found out', () => {
  expect(readConfig({ GPUS: 'GPU-1=Tesla V100S 32 GiB, 1=L4 24 GiB' }).gpus).toEqual([
    { id: 'GPU-1', model: 'Tesla V100S 32 GiB' },
    { id: '1', model: 'L4 24 GiB' },
  ])
  expect(readConfig({ GPUS: 'none' }).gpus).toEqual([])
  expect(readConfig({}).gpus).toBeNull()
})

test('listening beyond loopback without TLS is refused unless it is accepted in so many words', () => {
  expect(() => readConfig({ HOST: '0.0.0.0' })).toThrow(/INSECURE_HTTP=1/)
  expect(readConfig({ HOST: '0.0.0.0', INSECURE_HTTP: '1' }).host).toBe('0.0.0.0')
})
