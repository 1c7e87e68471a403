/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basic authentication (RFC 7617) against bcrypt hashes. Hashing takes tens of milliseconds, so it
 * runs on a worker, and its result is remembered. Owned by web.c.
 */
#pragma once

#include <stddef.h>

struct auth;
struct web_pair;
struct worker;

enum auth_verdict {
	AUTH_ALLOWED,
	AUTH_DENIED,
	AUTH_PENDING, /* ask again when told */
	AUTH_BUSY,    /* too many are being checked */
};

/* The worker must be freed first: that calls back all who wait. Never NULL. */
struct auth *auth_new(struct worker *worker);
void auth_free(struct auth *auth);
/*
 * Whether an Authorization header (NULL: none) names one of the users with its password. An unknown
 * user takes as long as a wrong password. After AUTH_PENDING, and only then, done(data) is called
 * once, on the loop.
 */
enum auth_verdict auth_check(struct auth *auth, const struct web_pair *users, size_t n_users,
			     const char *authorization, void (*done)(void *data), void *data);
