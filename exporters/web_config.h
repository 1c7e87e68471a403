/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --web.config.file: what Prometheus' exporters accept there (exporter-toolkit, docs/web-configuration.md),
 * no more and no less. Owned by whoever loaded it; const afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum client_auth {
	CLIENT_AUTH_NONE,
	CLIENT_AUTH_REQUEST,
	CLIENT_AUTH_REQUIRE_ANY,
	CLIENT_AUTH_VERIFY_IF_GIVEN,
	CLIENT_AUTH_REQUIRE_AND_VERIFY,
};

enum { TLS_10, TLS_11, TLS_12, TLS_13 };

struct web_strings {
	char **items;
	size_t n;
};

struct web_tls {
	bool enabled;		      /* any of the fields that ask for it is there */
	char *cert, *key, *client_ca; /* PEM; "" when they are in files */
	char *cert_file, *key_file, *client_ca_file; /* from the directory of the file; "" */
	enum client_auth client_auth;
	int min_version, max_version;
	struct web_strings ciphers, curves; /* Go's names, all known to tls.c */
	struct web_strings allowed_sans;
	bool check_sans;
	bool prefer_server_ciphers;
};

struct web_pair {
	char *name, *value;
};

struct web_config {
	struct web_tls tls;
	struct web_pair *headers; /* for every reply */
	size_t n_headers;
	struct web_pair *users; /* name and bcrypt hash; none: everybody may read */
	size_t n_users;
	int64_t rate_interval_ns; /* one request each; 0: no limit */
	int64_t rate_burst;
};

/*
 * Reads and checks the file; certificates are tls.c's. -errno with *ret_error (caller frees), one
 * line that names the file and the line in it; *ret_config is untouched then.
 */
int web_config_load(const char *path, struct web_config **ret_config, char **ret_error);
/* Accepts NULL. Passwords and keys are wiped. */
void web_config_free(struct web_config *config);
