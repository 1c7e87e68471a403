/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_names.h"

#include <stdio.h>

#include "bpf/wire_dns.h"
#include "bpf/wire_http1.h"
#include "bpf/wire_memcached.h"
#include "bpf/wire_mysql.h"
#include "bpf/wire_postgresql.h"
#include "bpf/wire_redis.h"
#include "bpf/wire_requests.h"
#include "collector/arena.h"
#include "collector/cleanup.h"

/* So both conventions call what is not told apart. */
static const char other[] = "_OTHER";

#define ROW(prefix, row) [prefix##_##row] = #row,

static const char *const methods[] = {
#define HTTP1_ROW(row) ROW(HTTP1, row)
	HTTP1_METHODS(HTTP1_ROW)
};

static const char *const redis_operations[] = {
#define REDIS_ROW(row) ROW(REDIS, row)
	REDIS_OPERATIONS(REDIS_ROW)
#undef REDIS_ROW
};

static const char *const redis_errors[] = {
#define REDIS_ROW(row) ROW(REDIS_ERROR, row)
	REDIS_ERRORS(REDIS_ROW)
};

static const char *const sql_operations[] = {
#define SQL_ROW(row) ROW(SQL, row)
	SQL_OPERATIONS(SQL_ROW)
};

static const char *const postgresql_errors[] = {
#define POSTGRESQL_ROW(row) ROW(POSTGRESQL_ERROR, row)
	POSTGRESQL_ERRORS(POSTGRESQL_ROW)
};

static const char *const mysql_operations[] = {
#define MYSQL_ROW(row) ROW(MYSQL, row)
	SQL_OPERATIONS(SQL_ROW) MYSQL_OPERATIONS(MYSQL_ROW)
};

static const char *const memcached_operations[] = {
#define MEMCACHED_ROW(row) ROW(MEMCACHED, row)
	MEMCACHED_OPERATIONS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
};

static const char *const memcached_errors[] = {
#define MEMCACHED_ROW(row) ROW(MEMCACHED_ERROR, row)
	MEMCACHED_ERRORS(MEMCACHED_ROW)
};

static const char *const dns_operations[] = {
#define DNS_ROW(row, number) ROW(DNS, row)
	DNS_TYPES(DNS_ROW)[DNS_NOTIFY] = "NOTIFY",
	[DNS_UPDATE] = "UPDATE",
#undef DNS_ROW
};

static const char *const dns_errors[] = {
#define DNS_ROW(row, number) ROW(DNS_ERROR, row)
	DNS_ERRORS(DNS_ROW)
};

struct names {
	const char *protocol;
	const char *const *operations;
	const char *const *errors;
	unsigned n_operations, n_errors;
};

static const struct names all[WIRE_PROTOCOLS_MAX] = {
	[WIRE_PROTOCOL_http1] = { "http", methods, NULL, ARRAY_SIZE(methods), 0 },
	[WIRE_PROTOCOL_redis] = { "redis", redis_operations, redis_errors,
				  ARRAY_SIZE(redis_operations), ARRAY_SIZE(redis_errors) },
	[WIRE_PROTOCOL_postgresql] = { "postgresql", sql_operations, postgresql_errors,
				       ARRAY_SIZE(sql_operations), ARRAY_SIZE(postgresql_errors) },
	[WIRE_PROTOCOL_mysql] = { "mysql", mysql_operations, NULL, ARRAY_SIZE(mysql_operations),
				  0 },
	[WIRE_PROTOCOL_memcached] = { "memcached", memcached_operations, memcached_errors,
				      ARRAY_SIZE(memcached_operations),
				      ARRAY_SIZE(memcached_errors) },
	[WIRE_PROTOCOL_dns] = { "dns", dns_operations, dns_errors, ARRAY_SIZE(dns_operations),
				ARRAY_SIZE(dns_errors) },
};

static const struct names *names_of(unsigned protocol)
{
	return &all[protocol < WIRE_PROTOCOLS_MAX ? protocol : 0];
}

struct request_key request_key(uint32_t key)
{
	const unsigned operation = key >> WIRE_REQUEST_STATUS_BITS;
	const unsigned protocol = operation >> WIRE_REQUEST_OPERATION_BITS;

	struct request_key ret = {
		.side = protocol >> WIRE_REQUEST_PROTOCOL_BITS & 3,
		.protocol = protocol & ((1U << WIRE_REQUEST_PROTOCOL_BITS) - 1),
		.operation = operation & ((1U << WIRE_REQUEST_OPERATION_BITS) - 1),
		.status = key & ((1U << WIRE_REQUEST_STATUS_BITS) - 1),
	};

	if (ret.protocol != WIRE_PROTOCOL_http1)
		return ret;
	ret.route = wire_request_route(key);
	ret.operation &= (1U << ROUTE_METHOD_BITS) - 1;
	ret.status &= WIRE_STATUS_CLASS | 0x3ff;
	return ret;
}

const char *protocol_name(unsigned protocol)
{
	const char *name = names_of(protocol)->protocol;

	return name ? name : other;
}

static const char *name_at(const char *const *names, unsigned n, unsigned i)
{
	return names && i < n && names[i] ? names[i] : other;
}

const char *operation_name(unsigned protocol, unsigned operation)
{
	const struct names *names = names_of(protocol);

	return name_at(names->operations, names->n_operations, operation);
}

const char *http_status_name(struct arena *arena, unsigned status)
{
	char text[16];

	if (status & WIRE_STATUS_CLASS)
		snprintf(text, sizeof(text), "%uxx", status & 0xf);
	else
		snprintf(text, sizeof(text), "%u", status);
	return arena_strdup(arena, text);
}

const char *error_name(struct arena *arena, unsigned protocol, unsigned status)
{
	const struct names *names = names_of(protocol);
	char text[16];

	if (!(status & ~(unsigned)WIRE_STATUS_CLASS))
		return "";
	if (!names->errors && !(status & WIRE_STATUS_CLASS)) {
		snprintf(text, sizeof(text), "%u", status);
		return arena_strdup(arena, text);
	}
	return name_at(names->errors, names->n_errors, status);
}
