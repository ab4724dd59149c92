import { expect, test } from 'vitest'
import { AddressRefusedError } from './address.ts'
import { explain, isTransient } from './s3-errors.ts'

const source = {
  type: 'bucket' as const,
  endpoint: 'https://store.example',
  region: 'r',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'hush-hush',
  pathStyle: true,
  bucket: 'photos',
  prefix: '',
}

function answer(status: number, name: string, message = '') {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } })
}

function broken(code: string) {
  return Object.assign(new Error(code), { code })
}

test.each([
  [
    answer(403, 'AccessDenied', 'Access Denied.'),
    false,
    'refused',
    'The store refused access to bucket "photos": S3 said 403 AccessDenied: Access Denied.',
  ],
  [
    answer(403, 'InvalidAccessKeyId', 'The key AKIDEXAMPLE does not exist.'),
    false,
    'refused',
    'S3 said 403 InvalidAccessKeyId: The key … does not exist.',
  ],
  [answer(404, 'NoSuchBucket'), false, 'bucket-missing', 'There is no bucket "photos": S3 said 404 NoSuchBucket.'],
  [answer(301, 'PermanentRedirect'), false, 'refused', 'redirects are not followed'],
  [answer(400, 'InvalidArgument'), false, 'refused', 'S3 said 400 InvalidArgument'],
  [
    answer(503, 'SlowDown', 'Reduce your rate.'),
    true,
    'unavailable',
    'The store of bucket "photos" failed: S3 said 503 SlowDown: Reduce your rate.',
  ],
  [answer(500, 'InternalError'), true, 'unavailable', 'S3 said 500 InternalError'],
  [answer(400, 'RequestTimeout'), true, 'unavailable', 'RequestTimeout'],
  [answer(200, 'SyntaxError', 'Unexpected end.'), true, 'unavailable', 'Unexpected end'],
  [
    broken('ECONNREFUSED'),
    true,
    'unavailable',
    'The store of bucket "photos" at https://store.example cannot be reached: ECONNREFUSED.',
  ],
  [new AggregateError([broken('ECONNREFUSED')], ''), true, 'unavailable', 'cannot be reached: ECONNREFUSED.'],
  [broken('ENOTFOUND'), true, 'unavailable', 'ENOTFOUND'],
  [broken('DEPTH_ZERO_SELF_SIGNED_CERT'), false, 'refused', 'certificate'],
  [
    new AddressRefusedError('10.0.0.1', 9000),
    false,
    'refused',
    'The address 10.0.0.1:9000 is in a private or special range',
  ],
  [
    Object.assign(new Error('Bucket name shouldn\'t contain "/".'), { name: 'InvalidBucketName' }),
    false,
    'refused',
    'cannot be addressed',
  ],
])('%s', (error, again, kind, message) => {
  expect(isTransient(error)).toBe(again)
  expect(explain(error, source)).toMatchObject({ kind, message: expect.stringContaining(message) })
})

test('an error that no store caused stays what it is', () => {
  const bug = new TypeError('undefined is not a function')
  expect(isTransient(bug)).toBe(false)
  expect(explain(bug, source)).toBe(bug)
})
