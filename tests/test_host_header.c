/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support.h"

#include <unistd.h>

#include "exporters/host_header.h"

static void test_names_of_loopback(void **state)
{
	static const char *const ours[] = {
		"localhost",   "localhost:10061", "LOCALHOST",	   "localhost.:80",
		"a.localhost", "127.0.0.1",	  "127.0.0.1:1",   "[::1]",
		"[::1]:10061", "10.1.2.3:80",	  "[fe80::1]:443", "",
	};
	static const char *const foreign[] = {
		"example.org",
		"evil.example:10061",
		"localhost.example.org",
		"notlocalhost",
		"127.0.0.1.nip.io",
		"127.0.0.1x",
		"0x7f000001",
		"1.2.3",
		".",
		"[x]",
		"localhost@evil",
	};
	char own[300];
	cleanup_free char *endless = xmalloc(100001);

	(void)state;
	assert_true(host_header_is_ours(NULL));
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		assert_true(host_header_is_ours(ours[i]));
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		assert_false(host_header_is_ours(foreign[i]));
	assert_int_equal(gethostname(own, sizeof(own)), 0);
	assert_true(host_header_is_ours(own));
	memset(endless, 'a', 100000);
	endless[100000] = '\0';
	assert_false(host_header_is_ours(endless));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
