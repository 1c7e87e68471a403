/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of one web configuration, with GnuTLS below libmicrohttpd: certificate, client certificates,
 * versions and ciphers. Const once made; a change of configuration or files makes a new one.
 */
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

struct tls;
struct web_tls;

/*
 * Reads and checks keys and certificates. -errno with *ret_error (caller frees), one line;
 * *ret_tls is untouched then.
 */
int tls_new(const struct web_tls *config, struct tls **ret_tls, char **ret_error);
/* Accepts NULL. */
void tls_free(struct tls *tls);
/* Makes a server's new session use it; it must outlive the session's handshake. */
void tls_attach(struct tls *tls, gnutls_session_t session);
/* A gnutls_certificate_retrieve_function2 for sessions that were attached. */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
		 const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
		 gnutls_pcert_st **ret_chain, unsigned int *ret_length, gnutls_privkey_t *ret_key);
