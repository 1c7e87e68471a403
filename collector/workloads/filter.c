/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/filter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000 }; /* names are a container's choice */

struct patterns {
	pcre2_code **codes;
	size_t n;
};

struct filter {
	struct patterns include, exclude;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static int compile(const struct string_list *list, struct patterns *ret, char **ret_error)
{
	ret->codes = xcalloc(list->n, sizeof(*ret->codes));
	for (size_t i = 0; i < list->n; i++) {
		PCRE2_SIZE place;
		int code;

		ret->codes[i] = pcre2_compile((PCRE2_SPTR)list->items[i], PCRE2_ZERO_TERMINATED,
					      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code,
					      &place, NULL);
		if (!ret->codes[i]) {
			PCRE2_UCHAR reason[128];

			pcre2_get_error_message(code, reason, sizeof(reason));
			*ret_error = xasprintf("pattern \"%s\", character %zu: %s", list->items[i],
					       place + 1, (const char *)reason);
			return -EINVAL;
		}
		ret->n++;
	}
	return 0;
}

int filter_new(const struct string_list *include, const struct string_list *exclude,
	       struct filter **ret_filter, char **ret_error)
{
	struct filter *filter = xcalloc(1, sizeof(*filter));

	filter->match = pcre2_match_data_create(1, NULL);
	filter->context = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(filter->context, MATCH_LIMIT);
	pcre2_set_depth_limit(filter->context, DEPTH_LIMIT);
	int err = compile(include, &filter->include, ret_error);
	if (!err)
		err = compile(exclude, &filter->exclude, ret_error);
	if (err) {
		filter_free(filter);
		return err;
	}
	*ret_filter = filter;
	return 0;
}

static bool any_matches(const struct filter *filter, const struct patterns *patterns, const char *s)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (pcre2_match(patterns->codes[i], (PCRE2_SPTR)s, PCRE2_ZERO_TERMINATED, 0, 0,
				filter->match, filter->context) >= 0)
			return true;
	return false;
}

bool filter_admits(const struct filter *filter, const char *s)
{
	if (filter->include.n && !any_matches(filter, &filter->include, s))
		return false;
	return !any_matches(filter, &filter->exclude, s);
}

static void patterns_free(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->n; i++)
		pcre2_code_free(patterns->codes[i]);
	free(patterns->codes);
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	patterns_free(&filter->include);
	patterns_free(&filter->exclude);
	pcre2_match_data_free(filter->match);
	pcre2_match_context_free(filter->context);
	free(filter);
}
