/* SPDX-License-Identifier: Apache-2.0 */
/* Go's names of cipher suites and curves, and what GnuTLS calls their parts. */
#include "exporters/tls_names.h"

#include "collector/cleanup.h"

/* crypto/tls: all of CipherSuites() as of Go 1.19; those with RSA key exchange left it in 1.22. */
static const struct tls_cipher ciphers[] = {
	{ "TLS_AES_128_GCM_SHA256", "", "+AES-128-GCM", "+AEAD" },
	{ "TLS_AES_256_GCM_SHA384", "", "+AES-256-GCM", "+AEAD" },
	{ "TLS_CHACHA20_POLY1305_SHA256", "", "+CHACHA20-POLY1305", "+AEAD" },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "+RSA", "+AES-128-CBC", "+SHA1" },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "+RSA", "+AES-256-CBC", "+SHA1" },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "+RSA", "+AES-128-GCM", "+AEAD" },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "+RSA", "+AES-256-GCM", "+AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "+ECDHE-ECDSA", "+AES-128-CBC", "+SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "+ECDHE-ECDSA", "+AES-256-CBC", "+SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "+ECDHE-RSA", "+AES-128-CBC", "+SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "+ECDHE-RSA", "+AES-256-CBC", "+SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "+ECDHE-ECDSA", "+AES-128-GCM", "+AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "+ECDHE-ECDSA", "+AES-256-GCM", "+AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "+ECDHE-RSA", "+AES-128-GCM", "+AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "+ECDHE-RSA", "+AES-256-GCM", "+AEAD" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-RSA", "+CHACHA20-POLY1305",
	  "+AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-ECDSA", "+CHACHA20-POLY1305",
	  "+AEAD" },
};

static const struct {
	const char *name, *group;
} curves[] = {
	{ "CurveP256", "+GROUP-SECP256R1" },
	{ "CurveP384", "+GROUP-SECP384R1" },
	{ "CurveP521", "+GROUP-SECP521R1" },
	{ "X25519", "+GROUP-X25519" },
};

const struct tls_cipher *tls_cipher(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++)
		if (streq(ciphers[i].name, name))
			return &ciphers[i];
	return NULL;
}

const char *tls_group(const char *curve)
{
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
		if (streq(curves[i].name, curve))
			return curves[i].group;
	return NULL;
}
