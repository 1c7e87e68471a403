/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/filter.h"
#include "tests/support.h"

static struct filter *make(const char *include, const char *exclude)
{
	char *in = (char *)include, *out = (char *)exclude, *error = NULL;
	struct string_list includes = { &in, include != NULL },
			   excludes = { &out, exclude != NULL };
	struct filter *filter = NULL;

	assert_int_equal(filter_new(&includes, &excludes, &filter, &error), 0);
	return filter;
}

static void admits(void **state)
{
	static const struct {
		const char *include, *exclude, *s;
		bool admitted;
	} rows[] = {
		{ NULL, NULL, "anything", true },
		{ "a", NULL, "a", true },
		{ "a", NULL, "ab", false }, /* anchored at both ends */
		{ "a", NULL, "ba", false },
		{ "a|ab", NULL, "ab", true },
		{ ".*", NULL, "", true },
		{ NULL, "a.*", "abc", false },
		{ NULL, "a.*", "b", true },
		{ "a.*", "abc", "abc", false }, /* exclusion wins */
		{ "/\\S+", NULL, "/caf\xc3\xa9", true },
		{ "caf.", NULL, "caf\xc3\xa9", true }, /* characters, not bytes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct filter *filter = make(rows[i].include, rows[i].exclude);

		if (filter_admits(filter, rows[i].s) != rows[i].admitted)
			fail_msg("row %zu", i);
		filter_free(filter);
	}
}

/* A pattern that backtracks without end must not hold up the scrape: it just does not match. */
static void is_limited(void **state)
{
	struct filter *filter = make("(a+)+b", NULL);
	char s[60];

	(void)state;
	memset(s, 'a', sizeof(s) - 1);
	s[sizeof(s) - 1] = '\0';
	assert_false(filter_admits(filter, s));
	filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admits),
		cmocka_unit_test(is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
