/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support.h"

#include "exporters/web_config.h"

static int load(const char *tree, const char *text, struct web_config **ret, char **ret_error)
{
	cleanup_free char *path = xasprintf("%s/web.yml", tree);

	tree_write(tree, "web.yml", text);
	return web_config_load(path, ret, ret_error);
}

static void test_all_of_it(void **state)
{
	static const char text[] =
		"tls_server_config:\n"
		"  cert_file: a/cert.pem\n"
		"  key_file: /b/key.pem\n"
		"  client_ca: text\n"
		"  client_auth_type: RequireAndVerifyClientCert\n"
		"  client_allowed_sans: [x.example, 10.0.0.1]\n"
		"  min_version: TLS13\n"
		"  curve_preferences: [X25519]\n"
		"  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
		"  prefer_server_cipher_suites: false\n"
		"http_server_config:\n"
		"  http2: no\n"
		"  headers: {X-Frame-Options: sameorigin}\n"
		"basic_auth_users:\n"
		"  ann: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n"
		"rate_limit: {interval: 1m0.5s, burst: 7}\n";
	char *tree = tree_new(), *error = NULL;
	cleanup_free char *cert = xasprintf("%s/a/cert.pem", tree);
	struct web_config *config = NULL;

	(void)state;
	assert_int_equal(load(tree, text, &config, &error), 0);
	assert_true(config->tls.enabled && config->tls.check_sans);
	assert_string_equal(config->tls.cert_file, cert);
	assert_string_equal(config->tls.key_file, "/b/key.pem");
	assert_string_equal(config->tls.client_ca, "text");
	assert_int_equal(config->tls.client_auth, CLIENT_AUTH_REQUIRE_AND_VERIFY);
	assert_int_equal(config->tls.allowed_sans.n, 2);
	assert_string_equal(config->tls.allowed_sans.items[1], "10.0.0.1");
	assert_int_equal(config->tls.min_version, TLS_13);
	assert_int_equal(config->tls.max_version, TLS_13);
	assert_false(config->tls.prefer_server_ciphers);
	assert_int_equal(config->n_headers, 1);
	assert_string_equal(config->headers[0].value, "sameorigin");
	assert_int_equal(config->n_users, 1);
	assert_string_equal(config->users[0].name, "ann");
	assert_int_equal(config->rate_interval_ns, INT64_C(60500000000));
	assert_int_equal(config->rate_burst, 7);
	web_config_free(config);
	tree_remove(tree);
}

static void test_nothing_of_it(void **state)
{
	static const char *const texts[] = { "", "{}\n", "# only this\n", "tls_server_config:\n" };
	char *tree = tree_new(), *error = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct web_config *config = NULL;

		assert_int_equal(load(tree, texts[i], &config, &error), 0);
		assert_false(config->tls.enabled);
		assert_int_equal(config->tls.min_version, TLS_12);
		assert_int_equal(config->n_users + config->n_headers, 0);
		web_config_free(config);
	}
	tree_remove(tree);
}

static void test_errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "nonsense: 1\n", "web.yml:1: unknown key \"nonsense\"; known are" },
		{ "\n\ntls_server_config:\n  cert: a\n  crt: b\n",
		  "web.yml:5: unknown key \"crt\"" },
		{ "rate_limit:\n  burst: 1\n  burst: 2\n",
		  "web.yml:3: key \"burst\" is there twice" },
		{ "rate_limit:\n  interval: soon\n", "web.yml:2: \"soon\" is not a duration" },
		{ "basic_auth_users:\n  ann: x\n", "user \"ann\" is not a bcrypt hash" },
		{ "a: [\n", "web.yml:2: " },
		{ "tls_server_config: {key: x}\n", "one of cert and cert_file is missing" },
		{ "rate_limit: {? [a] : 1}\n", "web.yml:1: a key is not a word" },
	};
	struct web_config *untouched = (struct web_config *)(uintptr_t)1;
	char *tree = tree_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *error = NULL;

		assert_int_equal(load(tree, cases[i].text, &untouched, &error), -EINVAL);
		assert_non_null(error);
		if (!strstr(error, cases[i].wanted))
			fail_msg("%s: %s", cases[i].wanted, error);
		assert_null(strchr(error, '\n'));
		assert_ptr_equal(untouched, (void *)(uintptr_t)1);
	}
	tree_remove(tree);
}

static void test_no_file(void **state)
{
	struct web_config *config = NULL;
	cleanup_free char *error = NULL;

	(void)state;
	assert_int_equal(web_config_load("/nonexistent/web.yml", &config, &error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/web.yml"));
}

/* Neither waits for a FIFO's writer nor reads without end. */
static void test_no_regular_file(void **state)
{
	char *tree = tree_new();
	cleanup_free char *path = xasprintf("%s/web.yml", tree), *large = xmalloc((1 << 20) + 2);
	struct web_config *config = NULL;
	char *error = NULL;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(web_config_load(path, &config, &error), -EINVAL);
	assert_non_null(strstr(error, "web.yml: not a regular file"));
	free(error);
	assert_int_equal(unlink(path), 0);
	memset(large, '#', (1 << 20) + 1);
	large[(1 << 20) + 1] = '\0';
	assert_int_equal(load(tree, large, &config, &error), -EFBIG);
	assert_non_null(strstr(error, "web.yml: larger than 1 MiB"));
	free(error);
	assert_int_equal(web_config_load("/dev/zero", &config, &error), -EINVAL);
	free(error);
	tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_nothing_of_it),
		cmocka_unit_test(test_errors_name_the_line),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_no_regular_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
