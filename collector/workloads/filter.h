/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Include and exclude lists of regular expressions (PCRE2), anchored at both ends as Prometheus'
 * are. Owned by whoever made it.
 */
#pragma once

#include <stdbool.h>

struct filter;
struct string_list;

/*
 * Compiles both lists; an empty include list admits everything. -EINVAL: *ret_error (freed by the
 * caller) names the pattern, the place in it and the reason.
 */
int filter_new(const struct string_list *include, const struct string_list *exclude,
	       struct filter **ret_filter, char **ret_error);
/* Whether `s` (valid UTF-8) is admitted. A pattern that runs into PCRE2's limits does not match. */
bool filter_admits(const struct filter *filter, const char *s);
void filter_free(struct filter *filter);
