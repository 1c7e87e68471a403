/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "collector/options/option_checks.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/nearest.h"
#include "collector/snapshot.h"
#include "collector/source.h"

static int wrong(char **ret_reason, const char *reason)
{
	*ret_reason = xstrdup(reason);
	return -EINVAL;
}

int option_read_number(const char *text, uint64_t *ret_number, char **ret_reason)
{
	uint64_t number = 0;

	if (!*text)
		return wrong(ret_reason, "is not a whole number");
	for (const char *c = text; *c; c++) {
		if (!isdigit((unsigned char)*c))
			return wrong(ret_reason, "is not a whole number");
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*c - '0'), &number))
			return wrong(ret_reason, "is too large");
	}
	*ret_number = number;
	return 0;
}

static const struct {
	const char *unit;
	uint64_t ms;
} durations[] = {
	{ "y", UINT64_C(31536000000) }, { "w", UINT64_C(604800000) }, { "d", UINT64_C(86400000) },
	{ "h", UINT64_C(3600000) },	{ "m", UINT64_C(60000) },     { "s", UINT64_C(1000) },
	{ "ms", UINT64_C(1) },
};

/* Reads one part such as "30m"; units come in the table's order, from index *next on. */
static bool duration_part(const char **text, size_t *next, uint64_t *sum)
{
	size_t digits = strspn(*text, "0123456789"), letters;
	const char *unit = *text + digits;
	cleanup_free char *number = xstrndup(*text, digits);
	cleanup_free char *reason = NULL;
	uint64_t n, ms;

	letters = strspn(unit, "abcdefghijklmnopqrstuvwxyz");
	if (option_read_number(number, &n, &reason))
		return false;
	while (*next < ARRAY_SIZE(durations) &&
	       (strlen(durations[*next].unit) != letters ||
		strncmp(durations[*next].unit, unit, letters) != 0))
		++*next;
	if (*next == ARRAY_SIZE(durations))
		return false;
	if (__builtin_mul_overflow(n, durations[*next].ms, &ms) ||
	    __builtin_add_overflow(*sum, ms, sum))
		return false;
	++*next;
	*text = unit + letters;
	return true;
}

int option_read_milliseconds(const char *text, uint64_t *ret_milliseconds, char **ret_reason)
{
	uint64_t sum = 0;
	size_t next = 0;

	if (!*text)
		return wrong(ret_reason, "is not a duration such as 250ms, 30s or 1h30m");
	for (const char *c = text; *c && !streq(text, "0");)
		if (!duration_part(&c, &next, &sum))
			return wrong(ret_reason, "is not a duration such as 250ms, 30s or 1h30m");
	*ret_milliseconds = sum;
	return 0;
}

static int check_host(const char *host, char **ret_reason)
{
	size_t length = strlen(host);

	if (host[0] == '[') {
		cleanup_free char *address = xstrdup(host + 1);
		struct in6_addr in6;

		if (length < 2 || host[length - 1] != ']')
			return wrong(ret_reason, "has no closing bracket after its IPv6 address");
		address[length - 2] = '\0';
		address[strcspn(address, "%")] = '\0';
		if (inet_pton(AF_INET6, address, &in6) != 1)
			return wrong(ret_reason, "has no IPv6 address between the brackets");
		return 0;
	}
	if (strchr(host, ':'))
		return wrong(ret_reason,
			     "needs brackets around its IPv6 address, as in [::1]:10061");
	for (const char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return wrong(ret_reason, "has no valid host name before the port");
	return 0;
}

int option_check_address(const char *text, char **ret_reason)
{
	const char *colon = strrchr(text, ':');
	cleanup_free char *host = NULL, *reason = NULL;
	uint64_t port;

	if (!colon || strchr(colon, ']'))
		return wrong(ret_reason, "has no port; write HOST:PORT, [IPV6]:PORT or :PORT");
	if (option_read_number(colon + 1, &port, &reason) || port > UINT16_MAX)
		return wrong(ret_reason, "has no port number from 0 to 65535 after the last colon");
	host = xstrndup(text, (size_t)(colon - text));
	return check_host(host, ret_reason);
}

int option_check_telemetry_path(const char *text, char **ret_reason)
{
	static const char *const taken[] = { "/-/", "/api/", "/sd/", "/static/" };

	if (text[0] != '/')
		return wrong(ret_reason, "does not begin with a slash");
	if (!text[1])
		return wrong(ret_reason, "is the landing page");
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("/-._~", *c))
			return wrong(ret_reason,
				     "may hold only letters, digits and the characters / - . _ ~");
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (strncmp(text, taken[i], strlen(taken[i])) == 0) {
			*ret_reason = xasprintf("is taken: %s is used for other pages", taken[i]);
			return -EINVAL;
		}
	return 0;
}

int option_check_directory(const char *text, char **ret_reason)
{
	struct stat stat_of;

	if (!*text)
		return wrong(ret_reason, "is no directory");
	if (stat(text, &stat_of) < 0) {
		*ret_reason = xasprintf("cannot be used: %s", strerror(errno));
		return -EINVAL;
	}
	return S_ISDIR(stat_of.st_mode) ? 0 : wrong(ret_reason, "is not a directory");
}

/* The mount point of cgroup2 itself: the directory above it holds cgroup v1 on hybrid hosts. */
int option_check_cgroupfs_or_empty(const char *text, char **ret_reason)
{
	cleanup_free char *controllers = xasprintf("%s/cgroup.controllers", text);
	cleanup_free char *unified = xasprintf("%s/unified/cgroup.controllers", text);
	int err = *text ? option_check_directory(text, ret_reason) : 0;

	if (err || !*text || access(controllers, F_OK) == 0)
		return err;
	if (access(unified, F_OK) == 0)
		*ret_reason = xstrdup("is not cgroup2, did you mean its directory \"unified\"?");
	else
		*ret_reason = xstrdup("is not cgroup2: it has no file cgroup.controllers");
	return -EINVAL;
}

/* Freed by the caller with pcre2_code_free(); NULL: *ret_reason says why. */
static pcre2_code *compile_regex(const char *text, char **ret_reason)
{
	int error;
	size_t offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
					 PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &error,
					 &offset, NULL);
	char message[256];

	if (code)
		return code;
	pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message));
	*ret_reason = xasprintf("is not a regular expression: %s at offset %zu", message, offset);
	return NULL;
}

int option_check_regex(const char *text, char **ret_reason)
{
	pcre2_code *code = compile_regex(text, ret_reason);

	if (!code)
		return -EINVAL;
	pcre2_code_free(code);
	return 0;
}

int option_check_kind_regex(const char *text, char **ret_reason)
{
	pcre2_code *code = compile_regex(text, ret_reason);
	bool matches = false;

	if (!code)
		return -EINVAL;
	pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
	for (int kind = 0; match && !matches && kind < N_WORKLOAD_KINDS; kind++) {
		const char *name = workload_kind_name(kind);

		matches = pcre2_match(code, (PCRE2_SPTR)name, strlen(name), 0, 0, match, NULL) >= 0;
	}
	pcre2_match_data_free(match);
	pcre2_code_free(code);
	return matches ? 0
		       : wrong(ret_reason,
			       "matches no kind; there are host, slice, service, scope, "
			       "container, pod, vm, machine and other");
}

int option_check_metric(const char *text, char **ret_reason)
{
	struct nearest nearest = { .word = text };

	for (size_t i = 0; i < n_sources; i++)
		for (size_t j = 0; j < sources[i]->n_metrics; j++) {
			if (streq(sources[i]->metrics[j].name, text))
				return 0;
			nearest_offer(&nearest, sources[i]->metrics[j].name);
		}
	*ret_reason = nearest.best
			      ? xasprintf("is not a metric, did you mean \"%s\"?", nearest.best)
			      : xstrdup("is not a metric; METRICS.md lists them");
	return -EINVAL;
}
