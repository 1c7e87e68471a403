/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support.h"

#include <crypt.h>
#include <gnutls/gnutls.h>
#include <poll.h>

#include "collector/worker.h"
#include "exporters/auth.h"
#include "exporters/web_config.h"

struct fixture {
	struct worker *worker;
	struct auth *auth;
	struct web_pair users[2];
	unsigned told;
};

static char *hash(const char *password)
{
	struct crypt_data data = { 0 };
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	assert_non_null(crypt_gensalt_rn("$2b$", 4, NULL, 0, setting, sizeof(setting)));
	return xstrdup(crypt_r(password, setting, &data));
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	assert_int_equal(worker_new("test", false, &fixture->worker), 0);
	fixture->auth = auth_new(fixture->worker);
	fixture->users[0] = (struct web_pair){ xstrdup("ann"), hash("secret") };
	fixture->users[1] = (struct web_pair){ xstrdup("a"), hash("b:c") };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	worker_free(fixture->worker);
	auth_free(fixture->auth);
	for (size_t i = 0; i < ARRAY_SIZE(fixture->users); i++) {
		free(fixture->users[i].name);
		free(fixture->users[i].value);
	}
	free(fixture);
	return 0;
}

static void on_told(void *data)
{
	struct fixture *fixture = data;

	fixture->told++;
}

static enum auth_verdict ask(struct fixture *fixture, const char *credentials)
{
	const gnutls_datum_t plain = { (unsigned char *)(uintptr_t)credentials,
				       (unsigned)strlen(credentials) };
	gnutls_datum_t coded;
	cleanup_free char *header = NULL;

	assert_int_equal(gnutls_base64_encode2(&plain, &coded), 0);
	header = xasprintf("Basic %.*s", (int)coded.size, coded.data);
	gnutls_free(coded.data);
	return auth_check(fixture->auth, fixture->users, ARRAY_SIZE(fixture->users), header,
			  on_told, fixture);
}

static void finish_checks(struct fixture *fixture)
{
	while (worker_pending(fixture->worker)) {
		struct pollfd poll_fd = { .fd = worker_fd(fixture->worker), .events = POLLIN };

		assert_int_equal(poll(&poll_fd, 1, -1), 1);
		worker_dispatch(fixture->worker);
	}
}

/* The verdict, after one check at most. */
static enum auth_verdict settle(struct fixture *fixture, const char *credentials)
{
	unsigned told = fixture->told;
	enum auth_verdict verdict = ask(fixture, credentials);

	if (verdict != AUTH_PENDING)
		return verdict;
	finish_checks(fixture);
	assert_int_equal(fixture->told, told + 1);
	return ask(fixture, credentials);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *credentials;
		enum auth_verdict verdict;
	} cases[] = {
		{ "ann:secret", AUTH_ALLOWED }, { "ann:Secret", AUTH_DENIED },
		{ "ann:", AUTH_DENIED },	{ "ann:secret2", AUTH_DENIED },
		{ "eve:secret", AUTH_DENIED },	{ "a:b:c", AUTH_ALLOWED },
		{ "a:b", AUTH_DENIED },		{ "a:bc", AUTH_DENIED },
		{ ":", AUTH_DENIED },		{ "ann", AUTH_DENIED },
		{ "annsecret", AUTH_DENIED },	{ "an:nsecret", AUTH_DENIED },
	};

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			assert_int_equal(settle(*state, cases[i].credentials), cases[i].verdict);
}

static void test_a_changed_hash_is_asked_again(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(settle(fixture, "ann:secret"), AUTH_ALLOWED);
	free(fixture->users[0].value);
	fixture->users[0].value = hash("other");
	assert_int_equal(settle(fixture, "ann:secret"), AUTH_DENIED);
	assert_int_equal(settle(fixture, "ann:other"), AUTH_ALLOWED);
}

static void test_guesses_displace_no_right_password(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(settle(fixture, "ann:secret"), AUTH_ALLOWED);
	for (int i = 0; i < 100; i++) {
		cleanup_free char *guess = xasprintf("ann:%d", i);

		assert_int_equal(settle(fixture, guess), AUTH_DENIED);
	}
	assert_int_equal(ask(fixture, "ann:secret"), AUTH_ALLOWED);
}

static void test_one_check_for_all_who_ask_the_same(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(fixture, "ann:secret"), AUTH_PENDING);
	assert_int_equal(worker_pending(fixture->worker), 1);
	finish_checks(fixture);
	assert_int_equal(fixture->told, 50);
}

static void test_too_many_checks(void **state)
{
	struct fixture *fixture = *state;
	enum auth_verdict verdict = AUTH_PENDING;
	unsigned asked = 0;

	for (; verdict == AUTH_PENDING; asked++) {
		cleanup_free char *guess = xasprintf("ann:%u", asked);

		assert_true(asked < 1000);
		verdict = ask(fixture, guess);
	}
	assert_int_equal(verdict, AUTH_BUSY);
	finish_checks(fixture);
	assert_int_equal(settle(fixture, "ann:secret"), AUTH_ALLOWED);
}

static void test_garbage(void **state)
{
	static const char *const headers[] = {
		NULL,		"",	   "Basic",	      "Basic ",	   "Basic !!!!",
		"Basic ====",	"Basic =", "Bearer YTpi",     "BasicYTpi", "Basic YQ==",
		"\xff\xff\xff", "basic  ", "Basic YTpi YTpi",
	};
	struct fixture *fixture = *state;
	cleanup_free char *endless = xmalloc(1000001);

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		assert_int_equal(
			auth_check(fixture->auth, fixture->users, 2, headers[i], on_told, fixture),
			AUTH_DENIED);
	memset(endless, 'A', 1000000);
	memcpy(endless, "Basic ", 6);
	endless[1000000] = '\0';
	assert_int_equal(auth_check(fixture->auth, fixture->users, 2, endless, on_told, fixture),
			 AUTH_DENIED);
	assert_int_equal(worker_pending(fixture->worker), 0);
	assert_int_equal(auth_check(fixture->auth, NULL, 0, NULL, on_told, fixture), AUTH_ALLOWED);
}

/* A zero byte first: what is wiped afterwards must be what was allocated. */
static void test_zero_bytes(void **state)
{
	struct fixture *fixture = *state;
	unsigned char credentials[3000];
	const gnutls_datum_t plain = { credentials, sizeof(credentials) };
	gnutls_datum_t coded;
	cleanup_free char *header = NULL;

	memset(credentials, 'a', sizeof(credentials));
	credentials[0] = '\0';
	credentials[5] = ':';
	assert_int_equal(gnutls_base64_encode2(&plain, &coded), 0);
	header = xasprintf("Basic %.*s", (int)coded.size, coded.data);
	gnutls_free(coded.data);
	assert_int_equal(auth_check(fixture->auth, fixture->users, 2, header, on_told, fixture),
			 AUTH_DENIED);
	assert_int_equal(worker_pending(fixture->worker), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_changed_hash_is_asked_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_guesses_displace_no_right_password, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_one_check_for_all_who_ask_the_same, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_checks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
