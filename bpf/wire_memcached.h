/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations and errors of Memcached that are told apart, by what they are called on the wire. */
#pragma once

/* In lower case on the wire. The first eight letters are compared. */
/* clang-format off */
#define MEMCACHED_OPERATIONS(X) \
	X(get) X(gets) X(set) X(mg) X(ms) X(delete) X(incr) X(decr) X(add) X(replace) X(append) \
	X(prepend) X(cas) X(touch) X(gat) X(gats) X(md) X(ma) X(mn) X(me) X(stats) X(version) \
	X(verbosity) X(flush_all) X(slabs) X(lru) X(lru_crawler) X(cache_memlimit)
#define MEMCACHED_ERRORS(X) X(ERROR) X(CLIENT_ERROR) X(SERVER_ERROR)
/* clang-format on */

enum {
	MEMCACHED_OTHER = 1,
#define MEMCACHED_ROW(name) MEMCACHED_##name,
	MEMCACHED_OPERATIONS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
		MEMCACHED_OPERATIONS_END
};

/* Statuses; 0 is none. */
enum {
	MEMCACHED_ERROR_OTHER, /* nobody is called so */
#define MEMCACHED_ROW(name) MEMCACHED_ERROR_##name,
	MEMCACHED_ERRORS(MEMCACHED_ROW)
#undef MEMCACHED_ROW
		MEMCACHED_ERRORS_END
};
