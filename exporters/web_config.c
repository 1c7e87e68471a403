/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/web_config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/tls_names.h"
#include "exporters/web_yaml.h"

static char *join_directory(const char *file, char *path)
{
	const char *slash = strrchr(file, '/');
	char *joined;

	if (!*path || *path == '/' || !slash)
		return path;
	joined = xasprintf("%.*s/%s", (int)(slash - file), file, path);
	free(path);
	return joined;
}

static int take_version(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	static const char *const names[] = { "TLS10", "TLS11", "TLS12", "TLS13" };

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (web_yaml_is(node, names[i])) {
			*(int *)into = i;
			return 0;
		}
	return web_yaml_fail(yaml, node, "unknown TLS version \"%s\": TLS10, TLS11, TLS12 or TLS13",
			     web_yaml_text(node));
}

static int take_client_auth(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	static const struct {
		const char *name;
		enum client_auth value;
	} names[] = {
		{ "", CLIENT_AUTH_NONE },
		{ "NoClientCert", CLIENT_AUTH_NONE },
		{ "RequestClientCert", CLIENT_AUTH_REQUEST },
		{ "RequireAnyClientCert", CLIENT_AUTH_REQUIRE_ANY },
		{ "RequireClientCert", CLIENT_AUTH_REQUIRE_ANY }, /* the older name */
		{ "VerifyClientCertIfGiven", CLIENT_AUTH_VERIFY_IF_GIVEN },
		{ "RequireAndVerifyClientCert", CLIENT_AUTH_REQUIRE_AND_VERIFY },
	};
	struct web_tls *tls = into;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (web_yaml_is(node, names[i].name)) {
			tls->client_auth = names[i].value;
			tls->enabled |= *names[i].name != '\0';
			return 0;
		}
	return web_yaml_fail(yaml, node, "unknown client_auth_type \"%s\"", web_yaml_text(node));
}

static int take_names(struct web_yaml *yaml, yaml_node_t *node, struct web_strings *into,
		      bool (*known)(const char *name), const char *what)
{
	int r = web_yaml_strings(yaml, node, &into->items, &into->n);

	if (r < 0)
		return r;
	for (size_t i = 0; known && i < into->n; i++)
		if (!known(into->items[i]))
			return web_yaml_fail(yaml, node, "unknown %s \"%s\"", what, into->items[i]);
	return 0;
}

static bool cipher_known(const char *name)
{
	return tls_cipher(name);
}

static bool curve_known(const char *name)
{
	return tls_group(name);
}

static int take_ciphers(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	return take_names(yaml, node, into, cipher_known, "cipher");
}

static int take_curves(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	return take_names(yaml, node, into, curve_known, "curve");
}

static int take_sans(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_tls *tls = into;

	tls->check_sans = true;
	return take_names(yaml, node, &tls->allowed_sans, NULL, NULL);
}

static int take_tls(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_tls *tls = into;
	const struct web_yaml_key keys[] = {
		{ "cert", web_yaml_string, &tls->cert },
		{ "key", web_yaml_string, &tls->key },
		{ "client_ca", web_yaml_string, &tls->client_ca },
		{ "cert_file", web_yaml_string, &tls->cert_file },
		{ "key_file", web_yaml_string, &tls->key_file },
		{ "client_ca_file", web_yaml_string, &tls->client_ca_file },
		{ "client_auth_type", take_client_auth, tls },
		{ "client_allowed_sans", take_sans, tls },
		{ "min_version", take_version, &tls->min_version },
		{ "max_version", take_version, &tls->max_version },
		{ "cipher_suites", take_ciphers, &tls->ciphers },
		{ "curve_preferences", take_curves, &tls->curves },
		{ "prefer_server_cipher_suites", web_yaml_bool, &tls->prefer_server_ciphers },
	};

	return web_yaml_map(yaml, node, "tls_server_config", keys, ARRAY_SIZE(keys));
}

/* The same few headers as everywhere in the ecosystem, with the values that are enumerations. */
static int check_header(struct web_yaml *yaml, yaml_node_t *node, const struct web_pair *header)
{
	static const struct {
		const char *name, *values[2];
	} known[] = {
		{ "Content-Security-Policy", { NULL } },
		{ "Strict-Transport-Security", { NULL } },
		{ "X-Content-Type-Options", { "nosniff" } },
		{ "X-Frame-Options", { "deny", "sameorigin" } },
		{ "X-XSS-Protection", { NULL } },
	};

	for (const char *c = header->value; *c; c++)
		if (iscntrl((unsigned char)*c))
			return web_yaml_fail(yaml, node, "header \"%s\" has a control character",
					     header->name);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *const *values = known[i].values;

		if (!streq(known[i].name, header->name))
			continue;
		if (!values[0] || streq(values[0], header->value) ||
		    (values[1] && streq(values[1], header->value)))
			return 0;
		return web_yaml_fail(yaml, node, "header \"%s\" cannot be \"%s\"", header->name,
				     header->value);
	}
	return web_yaml_fail(yaml, node, "header \"%s\" cannot be configured", header->name);
}

static int take_headers(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_config *config = into;
	int r = web_yaml_pairs(yaml, node, &config->headers, &config->n_headers);

	for (size_t i = 0; r == 0 && i < config->n_headers; i++)
		r = check_header(yaml, node, &config->headers[i]);
	return r;
}

static int take_http(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_config *config = into;
	bool http2 = true; /* accepted: the same file is given to other exporters */
	const struct web_yaml_key keys[] = {
		{ "http2", web_yaml_bool, &http2 },
		{ "headers", take_headers, config },
	};

	return web_yaml_map(yaml, node, "http_server_config", keys, ARRAY_SIZE(keys));
}

/* What Go's bcrypt.Cost() accepts: $2$ or $2x$, a cost from 4 to 31, and at least 59 bytes. */
static bool is_bcrypt(const char *hash)
{
	const char *rest = hash + 2;
	int cost;

	if (strncmp(hash, "$2", 2) != 0 || strlen(hash) < 59)
		return false;
	if (*rest != '$')
		rest++;
	if (*rest != '$' || !isdigit((unsigned char)rest[1]) || !isdigit((unsigned char)rest[2]))
		return false;
	cost = (rest[1] - '0') * 10 + rest[2] - '0';
	return cost >= 4 && cost <= 31;
}

static int take_users(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_config *config = into;
	int r = web_yaml_pairs(yaml, node, &config->users, &config->n_users);

	for (size_t i = 0; r == 0 && i < config->n_users; i++)
		if (!is_bcrypt(config->users[i].value))
			r = web_yaml_fail(yaml, node,
					  "the password of user \"%s\" is not a bcrypt hash",
					  config->users[i].name);
	return r;
}

/* Go's time.ParseDuration(): "1h15m30.5s"; a bare number is nanoseconds. */
static int take_duration(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 },   { "us", 1e3 }, { "µs", 1e3 }, { "μs", 1e3 },
		{ "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 }, { "h", 3600e9 },
	};
	const char *text = web_yaml_text(node), *end = text;
	double sign = 1, total = 0;

	if (web_yaml_integer(node, into) == 0)
		return 0;
	if (*end == '-' || *end == '+')
		sign = *end++ == '-' ? -1 : 1;
	do {
		size_t digits = strspn(end, "0123456789."), i = 0;
		const char *unit = end + digits;
		double number = strtod(end, NULL);

		while (i < ARRAY_SIZE(units) &&
		       strncmp(unit, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (digits == 0 || i == ARRAY_SIZE(units))
			return web_yaml_fail(yaml, node, "\"%s\" is not a duration", text);
		total += number * units[i].ns;
		end = unit + strlen(units[i].name);
	} while (*end);
	if (total > 9e18)
		return web_yaml_fail(yaml, node, "\"%s\" is too long", text);
	*(int64_t *)into = (int64_t)(sign * total);
	return 0;
}

static int take_integer(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	if (web_yaml_integer(node, into) == 0)
		return 0;
	return web_yaml_fail(yaml, node, "\"%s\" is not a whole number", web_yaml_text(node));
}

static int take_rate(struct web_yaml *yaml, yaml_node_t *node, void *into)
{
	struct web_config *config = into;
	const struct web_yaml_key keys[] = {
		{ "interval", take_duration, &config->rate_interval_ns },
		{ "burst", take_integer, &config->rate_burst },
	};

	return web_yaml_map(yaml, node, "rate_limit", keys, ARRAY_SIZE(keys));
}

static const char *check_tls(struct web_tls *tls)
{
	bool sure = tls->client_auth == CLIENT_AUTH_REQUIRE_ANY ||
		    tls->client_auth == CLIENT_AUTH_REQUIRE_AND_VERIFY;

	tls->enabled |= *tls->cert || *tls->cert_file || *tls->key || *tls->key_file ||
			*tls->client_ca || *tls->client_ca_file;
	if (!tls->enabled)
		return NULL;
	if (!*tls->cert && !*tls->cert_file)
		return "one of cert and cert_file is missing";
	if (!*tls->key && !*tls->key_file)
		return "one of key and key_file is missing";
	if ((*tls->client_ca || *tls->client_ca_file) && tls->client_auth == CLIENT_AUTH_NONE)
		return "client CAs without a client_auth_type";
	if (tls->check_sans && !sure)
		return "client_allowed_sans needs the client_auth_type RequireAnyClientCert or "
		       "RequireAndVerifyClientCert";
	if (tls->min_version > tls->max_version)
		return "min_version is above max_version";
	return NULL;
}

static struct web_config *config_new(void)
{
	struct web_config *config = xcalloc(1, sizeof(*config));

	config->tls = (struct web_tls){
		.cert = xstrdup(""),
		.key = xstrdup(""),
		.client_ca = xstrdup(""),
		.cert_file = xstrdup(""),
		.key_file = xstrdup(""),
		.client_ca_file = xstrdup(""),
		.min_version = TLS_12,
		.max_version = TLS_13,
		.prefer_server_ciphers = true,
	};
	return config;
}

static void cleanup_config(struct web_config **config)
{
	web_config_free(*config);
}

int web_config_load(const char *path, struct web_config **ret_config, char **ret_error)
{
	cleanup(cleanup_config) struct web_config *config = config_new();
	struct web_tls *tls = &config->tls;
	const struct web_yaml_key keys[] = {
		{ "tls_server_config", take_tls, tls },
		{ "http_server_config", take_http, config },
		{ "basic_auth_users", take_users, config },
		{ "rate_limit", take_rate, config },
	};
	const char *problem;
	int r = web_yaml_read(path, keys, ARRAY_SIZE(keys), ret_error);

	if (r < 0)
		return r;
	problem = check_tls(tls);
	if (problem) {
		*ret_error = xasprintf("%s: tls_server_config: %s", path, problem);
		return -EINVAL;
	}
	tls->cert_file = join_directory(path, tls->cert_file);
	tls->key_file = join_directory(path, tls->key_file);
	tls->client_ca_file = join_directory(path, tls->client_ca_file);
	*ret_config = config;
	config = NULL;
	return 0;
}

static void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void pairs_free(struct web_pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(pairs[i].name);
		secret_free(pairs[i].value);
	}
	free(pairs);
}

static void strings_free(struct web_strings *strings)
{
	for (size_t i = 0; i < strings->n; i++)
		free(strings->items[i]);
	free(strings->items);
}

void web_config_free(struct web_config *config)
{
	if (!config)
		return;
	secret_free(config->tls.key);
	free(config->tls.cert);
	free(config->tls.client_ca);
	free(config->tls.cert_file);
	free(config->tls.key_file);
	free(config->tls.client_ca_file);
	strings_free(&config->tls.ciphers);
	strings_free(&config->tls.curves);
	strings_free(&config->tls.allowed_sans);
	pairs_free(config->headers, config->n_headers);
	pairs_free(config->users, config->n_users);
	free(config);
}
