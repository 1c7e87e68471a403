/* SPDX-License-Identifier: Apache-2.0 */
/* Names of addresses outside: which texts are one, and which names there are. */
#include "collector/probes/outside.h"
#include "tests/support.h"

static void expect_right(const char *text)
{
	cleanup_free char *reason = NULL;

	if (outside_check(text, &reason))
		fail_msg("\"%s\" %s", text, reason);
}

static void expect_wrong(const char *text, const char *part)
{
	cleanup_free char *reason = NULL;

	assert_int_equal(outside_check(text, &reason), -EINVAL);
	if (!strstr(reason, part))
		fail_msg("\"%s\" %s: nothing of \"%s\"", text, reason, part);
}

static void texts_are_checked(void **state)
{
	(void)state;
	expect_right("office=192.0.2.0/24");
	expect_right("a-b_c.D9=192.0.2.1");
	expect_right("all=0.0.0.0/0");
	expect_right("six=2001:db8::/32");
	expect_right("one=2001:db8::1");
	expect_right("public=::/0");
	expect_wrong("", "name");
	expect_wrong("192.0.2.0/24", "name");
	expect_wrong("=192.0.2.0/24", "name");
	expect_wrong("a b=192.0.2.0/24", "name");
	expect_wrong("/x=192.0.2.0/24", "name");
	expect_wrong("other=192.0.2.0/24", "other");
	expect_wrong("1234567890123456789012345678901234567890123456789012345678901234=::/0", "63");
	expect_wrong("office=", "network");
	expect_wrong("office=192.0.2/24", "network");
	expect_wrong("office=192.0.2.0/", "network");
	expect_wrong("office=192.0.2.0/33", "network");
	expect_wrong("office=192.0.2.0/-1", "network");
	expect_wrong("office=192.0.2.0/+8", "network");
	expect_wrong("office=192.0.2.0/8x", "network");
	expect_wrong("office=2001:db8::/129", "network");
	expect_wrong("office=example.org", "network");
}

static bool has_name(const struct outside *outside, const char *name)
{
	for (uint32_t group = 1; outside_name(outside, group); group++)
		if (streq(outside_name(outside, group), name))
			return true;
	return false;
}

/* Two networks of one name are one group; a name that is known already gets one more. */
static void names_are_groups(void **state)
{
	char *texts[] = { (char *)"office=192.0.2.0/24", (char *)"office=2001:db8::/32",
			  (char *)"private=198.51.100.0/24" };
	const struct string_list named = { texts, ARRAY_SIZE(texts) };
	struct outside *without = outside_new(&(const struct string_list){ 0 });
	struct outside *with = outside_new(&named);
	uint32_t n_without = 0, n_with = 0;

	(void)state;
	assert_null(outside_name(without, 0));
	while (outside_name(without, n_without + 1))
		n_without++;
	while (outside_name(with, n_with + 1))
		n_with++;
	assert_int_equal(n_without, 4);
	assert_int_equal(n_with, 5);
	assert_true(has_name(without, "loopback") && has_name(without, "private") &&
		    has_name(without, "link-local") && has_name(without, "public"));
	assert_true(has_name(with, "office") && !has_name(without, "office"));
	assert_int_equal(outside_networks(with), outside_networks(without) + ARRAY_SIZE(texts));
	outside_free(without);
	outside_free(with);
	outside_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_checked),
		cmocka_unit_test(names_are_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
