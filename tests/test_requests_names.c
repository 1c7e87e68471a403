/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of requests: two keys of one family never have the same. */
#include "tests/support.h"

#include "bpf/wire_http1.h"
#include "bpf/wire_memcached.h"
#include "bpf/wire_mysql.h"
#include "bpf/wire_postgresql.h"
#include "bpf/wire_redis.h"
#include "bpf/wire_requests.h"
#include "collector/arena.h"
#include "collector/sources/requests_names.h"

/* Operations and statuses that the parsers may say. */
static const struct {
	unsigned n_operations, lowest, n_statuses;
} said[WIRE_PROTOCOLS_END] = {
	[WIRE_PROTOCOL_http1] = { HTTP1_METHODS_END, 100, 1000 },
	[WIRE_PROTOCOL_redis] = { REDIS_OPERATIONS_END, 0, REDIS_ERRORS_END },
	[WIRE_PROTOCOL_postgresql] = { SQL_OPERATIONS_END, 0, POSTGRESQL_ERRORS_END },
	[WIRE_PROTOCOL_mysql] = { MYSQL_OPERATIONS_END, 0, 1 << WIRE_REQUEST_STATUS_BITS },
	[WIRE_PROTOCOL_memcached] = { MEMCACHED_OPERATIONS_END, 0, MEMCACHED_ERRORS_END },
	[WIRE_PROTOCOL_dns] = { DNS_OPERATIONS_END, 0, 16 },
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void expect_distinct(const char *texts[], size_t n)
{
	qsort(texts, n, sizeof(*texts), compare_texts);
	for (size_t i = 1; i < n; i++)
		if (strcmp(texts[i - 1], texts[i]) == 0)
			fail_msg("%s is there twice", texts[i]);
}

static void operations_are_distinct(void **state)
{
	const char *names[256];

	(void)state;
	for (unsigned protocol = 1; protocol < WIRE_PROTOCOLS_END; protocol++) {
		size_t n = 0;

		for (unsigned i = 1; i < said[protocol].n_operations; i++)
			names[n++] = operation_name(protocol, i);
		assert_true(n > 3);
		expect_distinct(names, n);
	}
}

/* Of the other operation, which has the rest, too. */
static void statuses_are_distinct(void **state)
{
	enum { STATUSES = 1 << WIRE_REQUEST_STATUS_BITS };
	cleanup_free const char **names = xcalloc(STATUSES, sizeof(*names));
	cleanup_free bool *used = xcalloc(STATUSES, sizeof(*used));

	(void)state;
	for (unsigned protocol = 1; protocol < WIRE_PROTOCOLS_END; protocol++) {
		struct arena arena = { 0 };
		size_t n = 0;

		memset(used, 0, STATUSES * sizeof(*used));
		for (unsigned i = said[protocol].lowest; i < said[protocol].n_statuses; i++) {
			unsigned status = wire_request_status(protocol, i);

			used[status] = true;
			used[wire_request_class(protocol, status)] = true;
		}
		for (unsigned i = 0; i < STATUSES; i++)
			if (used[i])
				names[n++] = protocol == WIRE_PROTOCOL_http1
						     ? http_status_name(&arena, i)
						     : error_name(&arena, protocol, i);
		assert_true(n > 3);
		expect_distinct(names, n);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_are_distinct),
		cmocka_unit_test(statuses_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
