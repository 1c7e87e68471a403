/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cipher suites and curves by the names that Go has for them, as parts of a GnuTLS priority string.
 * Owns nothing; for tls.c and web_config.c.
 */
#pragma once

/* Each part is "+NAME"; TLS 1.3 suites have no key exchange: "". */
struct tls_cipher {
	const char *name, *exchange, *cipher, *mac;
};

/* NULL when there is none of that name. */
const struct tls_cipher *tls_cipher(const char *name);
const char *tls_group(const char *curve);
