/** A certificate, valid for a century and signed by itself, of a host that no test server is; with the key that it is for. */
export const WRONG_NAME = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9XWslKUsdoqz+wYw
2SnU1QM7SXAQD9URe1EvvcNBa1WhRANCAATxCW8leepXW66kuymvaclSF38dqEP6
pdpj/whPlZgf2V1LfE/k1WuiuFcZ6VCiYujydjGQHnRb3RC/FApLukbv
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIBATAKBggqhkjOPQQDAjAcMRowGAYDVQQDDBFlbHNld2hl
cmUuZXhhbXBsZTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHDEa
MBgGA1UEAwwRZWxzZXdoZXJlLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAATxCW8leepXW66kuymvaclSF38dqEP6pdpj/whPlZgf2V1LfE/k1WuiuFcZ
6VCiYujydjGQHnRb3RC/FApLukbvo1AwTjAcBgNVHREEFTATghFlbHNld2hlcmUu
ZXhhbXBsZTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBQpkAB2VGV2/lFvdgyM
aN+5JFfRXDAKBggqhkjOPQQDAgNJADBGAiEA5wyzIw9YdVna7o7Ykk3Ou1/lqabW
j5cOVbjYuvilVacCIQDXi2J/H9k47YvWuWk359KTAqbku9agysA8bGU4nOx0KA==
-----END CERTIFICATE-----
`,
}
