/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <strings.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/text_file.h"
#include "exporters/tls_names.h"
#include "exporters/web_config.h"

enum { CHAIN_MAX = 16, AUTHORITIES_MAX = 1024 };

struct tls {
	const struct web_tls *config;
	gnutls_priority_t priority;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned int chain_length;
	gnutls_privkey_t key;
	gnutls_x509_trust_list_t authorities; /* NULL: no client CA, so nobody can be verified */
};

__attribute__((format(printf, 2, 3))) static int fail(char **ret_error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_error, format, args) < 0)
		abort();
	va_end(args);
	return -EINVAL;
}

static void cleanup_datum(gnutls_datum_t *datum)
{
	if (datum->data)
		explicit_bzero(datum->data, datum->size);
	gnutls_free(datum->data);
}

/* What stands in the configuration itself, or in the file that it names. */
static int load_pem(const char *inlined, const char *path, const char *what,
		    gnutls_datum_t *ret_pem, char **ret_error)
{
	cleanup(buffer_free) struct buffer text = { 0 };
	const char *reason = NULL;

	if (!*path)
		buffer_puts(&text, inlined);
	else if (text_file_read(path, &text, &reason) < 0)
		return fail(ret_error, "cannot read %s %s: %s", what, path, reason);
	ret_pem->size = (unsigned int)text.length;
	ret_pem->data = gnutls_malloc(text.length + 1);
	if (!ret_pem->data)
		abort();
	if (text.length) {
		memcpy(ret_pem->data, text.data, text.length);
		explicit_bzero(text.data, text.length);
	}
	ret_pem->data[text.length] = '\0';
	return 0;
}

static int load_key(struct tls *tls, char **ret_error)
{
	cleanup(cleanup_datum) gnutls_datum_t pem = { 0 };
	int r = load_pem(tls->config->key, tls->config->key_file, "key_file", &pem, ret_error);

	if (r < 0)
		return r;
	if (gnutls_privkey_init(&tls->key) < 0)
		abort();
	r = gnutls_privkey_import_x509_raw(tls->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	return r < 0 ? fail(ret_error, "the TLS key is unusable: %s", gnutls_strerror(r)) : 0;
}

static void cleanup_pubkey(gnutls_pubkey_t *key)
{
	gnutls_pubkey_deinit(*key);
}

static int check_pair(struct tls *tls, char **ret_error)
{
	cleanup(cleanup_pubkey) gnutls_pubkey_t ours = NULL;
	unsigned char a[64], b[64];
	size_t a_size = sizeof(a), b_size = sizeof(b);

	if (gnutls_pubkey_init(&ours) < 0)
		abort();
	if (gnutls_pubkey_import_privkey(ours, tls->key, 0, 0) < 0 ||
	    gnutls_pubkey_get_key_id(ours, GNUTLS_KEYID_USE_SHA256, a, &a_size) < 0 ||
	    gnutls_pubkey_get_key_id(tls->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &b_size) <
		    0 ||
	    a_size != b_size || memcmp(a, b, a_size) != 0)
		return fail(ret_error, "the TLS certificate does not belong to the key");
	return 0;
}

static int load_chain(struct tls *tls, char **ret_error)
{
	cleanup(cleanup_datum) gnutls_datum_t pem = { 0 };
	unsigned int length = CHAIN_MAX;
	int r = load_pem(tls->config->cert, tls->config->cert_file, "cert_file", &pem, ret_error);

	if (r < 0)
		return r;
	r = gnutls_pcert_list_import_x509_raw(tls->chain, &length, &pem, GNUTLS_X509_FMT_PEM, 0);
	if (r < 0)
		return fail(ret_error, "the TLS certificate is unusable: %s", gnutls_strerror(r));
	tls->chain_length = length;
	return check_pair(tls, ret_error);
}

static int load_authorities(struct tls *tls, char **ret_error)
{
	const struct web_tls *config = tls->config;
	cleanup(cleanup_datum) gnutls_datum_t pem = { 0 };
	int r;

	if (!*config->client_ca && !*config->client_ca_file)
		return 0;
	r = load_pem(config->client_ca, config->client_ca_file, "client_ca_file", &pem, ret_error);
	if (r < 0)
		return r;
	if (gnutls_x509_trust_list_init(&tls->authorities, 0) < 0)
		abort();
	/* Go skips what is no certificate; a list without any then refuses all clients. */
	(void)gnutls_x509_trust_list_add_trust_mem(tls->authorities, &pem, NULL,
						   GNUTLS_X509_FMT_PEM, 0, 0);
	return 0;
}

static void put_ciphers(struct buffer *priority, const struct web_tls *config)
{
	/* TLS 1.3's own, as Go always offers them, then ECDHE with what authenticates itself. */
	static const char standard[] =
		":+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD";

	buffer_puts(priority, ":-KX-ALL:-CIPHER-ALL:-MAC-ALL");
	if (config->ciphers.n == 0) {
		buffer_puts(priority, standard);
		if (config->min_version < TLS_12) /* these know nothing better */
			buffer_puts(priority, ":+AES-128-CBC:+AES-256-CBC:+SHA1");
		return;
	}
	for (size_t i = 0; i < config->ciphers.n; i++) {
		const struct tls_cipher *cipher = tls_cipher(config->ciphers.items[i]);

		if (*cipher->exchange)
			buffer_printf(priority, ":%s", cipher->exchange);
		buffer_printf(priority, ":%s:%s", cipher->cipher, cipher->mac);
	}
	if (config->max_version == TLS_13) /* its key exchange needs one of these to be named */
		buffer_puts(priority, ":+ECDHE-ECDSA:+ECDHE-RSA");
}

static int make_priority(struct tls *tls, char **ret_error)
{
	static const char *const versions[] = { "1.0", "1.1", "1.2", "1.3" };
	const struct web_tls *config = tls->config;
	struct buffer priority = { 0 };
	int r;

	buffer_puts(&priority, "NORMAL:-VERS-ALL");
	for (int i = config->max_version; i >= config->min_version; i--)
		buffer_printf(&priority, ":+VERS-TLS%s", versions[i]);
	put_ciphers(&priority, config);
	if (config->curves.n)
		buffer_puts(&priority, ":-GROUP-ALL");
	for (size_t i = 0; i < config->curves.n; i++)
		buffer_printf(&priority, ":%s", tls_group(config->curves.items[i]));
	if (config->prefer_server_ciphers)
		buffer_puts(&priority, ":%SERVER_PRECEDENCE");
	buffer_putc(&priority, '\0');
	r = gnutls_priority_init(&tls->priority, priority.data, NULL);
	if (r < 0)
		r = fail(ret_error, "TLS versions, ciphers and curves do not fit together: %s",
			 gnutls_strerror(r));
	buffer_free(&priority);
	return r;
}

int tls_new(const struct web_tls *config, struct tls **ret_tls, char **ret_error)
{
	struct tls *tls = xcalloc(1, sizeof(*tls));
	int r;

	tls->config = config;
	if ((r = load_key(tls, ret_error)) < 0 || (r = load_chain(tls, ret_error)) < 0 ||
	    (r = load_authorities(tls, ret_error)) < 0 || (r = make_priority(tls, ret_error)) < 0) {
		tls_free(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	for (unsigned i = 0; i < tls->chain_length; i++)
		gnutls_pcert_deinit(&tls->chain[i]);
	if (tls->key)
		gnutls_privkey_deinit(tls->key);
	if (tls->authorities)
		gnutls_x509_trust_list_deinit(tls->authorities, 1);
	if (tls->priority)
		gnutls_priority_deinit(tls->priority);
	free(tls);
}

/* ---- Client certificates ---- */

struct peer_chain {
	gnutls_x509_crt_t items[CHAIN_MAX];
	unsigned int n;
};

static void cleanup_chain(struct peer_chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++)
		gnutls_x509_crt_deinit(chain->items[i]);
}

static int read_chain(gnutls_session_t session, struct peer_chain *chain)
{
	unsigned int n = 0;
	const gnutls_datum_t *raw = gnutls_certificate_get_peers(session, &n);

	for (unsigned i = 0; raw && i < n; i++) {
		if (i == CHAIN_MAX || gnutls_x509_crt_init(&chain->items[i]) < 0)
			return -EINVAL;
		chain->n++;
		if (gnutls_x509_crt_import(chain->items[i], &raw[i], GNUTLS_X509_FMT_DER) < 0)
			return -EINVAL;
	}
	return 0;
}

static bool chain_is_trusted(const struct tls *tls, struct peer_chain *chain)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status = ~0U;

	return tls->authorities &&
	       gnutls_x509_trust_list_verify_crt2(tls->authorities, chain->items, chain->n,
						  &purpose, 1, 0, &status, NULL) >= 0 &&
	       status == 0;
}

static bool san_is_allowed(const struct web_tls *config, unsigned int type, const char *name,
			   size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (type == GNUTLS_SAN_IPADDRESS) {
		if (!inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof(text)))
			return false;
		name = text;
		size = strlen(text);
	} else if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_RFC822NAME &&
		   type != GNUTLS_SAN_URI) {
		return false;
	}
	for (size_t i = 0; i < config->allowed_sans.n; i++)
		if (strlen(config->allowed_sans.items[i]) == size &&
		    memcmp(config->allowed_sans.items[i], name, size) == 0)
			return true;
	return false;
}

static bool certificate_is_allowed(const struct web_tls *config, gnutls_x509_crt_t certificate)
{
	for (unsigned int i = 0;; i++) {
		char name[1024];
		size_t size = sizeof(name);
		unsigned int type = 0;
		int r = gnutls_x509_crt_get_subject_alt_name2(certificate, i, name, &size, &type,
							      NULL);

		if (r == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue; /* too long to be in our list */
		if (r < 0)
			return false;
		if (san_is_allowed(config, type, name, size))
			return true;
	}
}

/* A gnutls_certificate_verify_function: 0 lets the client in. */
static int verify_client(gnutls_session_t session)
{
	const struct tls *tls = gnutls_session_get_ptr(session);
	enum client_auth wanted = tls->config->client_auth;
	cleanup(cleanup_chain) struct peer_chain chain = { .n = 0 };

	if (read_chain(session, &chain) < 0)
		return GNUTLS_E_CERTIFICATE_ERROR;
	if (chain.n == 0)
		return wanted == CLIENT_AUTH_REQUIRE_ANY || wanted == CLIENT_AUTH_REQUIRE_AND_VERIFY
			       ? GNUTLS_E_CERTIFICATE_REQUIRED
			       : 0;
	if ((wanted == CLIENT_AUTH_VERIFY_IF_GIVEN || wanted == CLIENT_AUTH_REQUIRE_AND_VERIFY) &&
	    !chain_is_trusted(tls, &chain))
		return GNUTLS_E_CERTIFICATE_ERROR;
	if (tls->config->check_sans && !certificate_is_allowed(tls->config, chain.items[0]))
		return GNUTLS_E_CERTIFICATE_ERROR;
	return 0;
}

void tls_attach(struct tls *tls, gnutls_session_t session)
{
	enum client_auth wanted = tls->config->client_auth;

	gnutls_session_set_ptr(session, tls);
	(void)gnutls_priority_set(session, tls->priority);
	if (wanted == CLIENT_AUTH_NONE)
		return;
	gnutls_certificate_server_set_request(
		session,
		wanted == CLIENT_AUTH_REQUIRE_ANY || wanted == CLIENT_AUTH_REQUIRE_AND_VERIFY
			? GNUTLS_CERT_REQUIRE
			: GNUTLS_CERT_REQUEST);
	gnutls_session_set_verify_function(session, verify_client);
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
		 const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
		 gnutls_pcert_st **ret_chain, unsigned int *ret_length, gnutls_privkey_t *ret_key)
{
	struct tls *tls = gnutls_session_get_ptr(session);

	(void)names;
	(void)n_names;
	(void)algorithms;
	(void)n_algorithms;
	*ret_chain = tls->chain;
	*ret_length = tls->chain_length;
	*ret_key = tls->key;
	return 0;
}
