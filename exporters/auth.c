/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/auth.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdint.h>
#include <strings.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/worker.h"
#include "exporters/web_config.h"

enum {
	HEADER_MAX = 4096, /* of an Authorization header; longer ones are refused unread */
	DIGEST_SIZE = 32,
	ALLOWED_MAX = 256, /* passwords known to be right */
	DENIED_MAX = 64,   /* and wrong; kept apart, so that guessing displaces no right one */
	CHECKS_MAX = 32,   /* being hashed or waiting for it */
	WAITERS_MAX = 256, /* for one check */
};

/* Of a user, the stored hash and a password together, under a key of this process. */
struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct digest_ring {
	struct digest *items;
	size_t n, next, max;
};

struct waiter {
	void (*done)(void *data);
	void *data;
};

struct check {
	struct worker_job job; /* first: the worker knows a check by it */
	struct auth *auth;
	struct check *next;
	struct digest digest;
	struct waiter *waiters;
	size_t n_waiters;
	bool known_user; /* an unknown one is hashed all the same, for nothing */
	bool matches;	 /* written by the worker */
	char *hash, *password;
};

struct auth {
	struct worker *worker;
	struct digest_ring allowed, denied;
	struct check *checks;
	unsigned n_checks;
	uint8_t key[DIGEST_SIZE];
};

struct credentials {
	char *user, *password; /* one allocation: the password stands behind the user */
	size_t size;
};

static void cleanup_credentials(struct credentials *credentials)
{
	if (credentials->user)
		explicit_bzero(credentials->user, credentials->size);
	free(credentials->user);
}

struct auth *auth_new(struct worker *worker)
{
	struct auth *auth = xcalloc(1, sizeof(*auth));

	auth->worker = worker;
	auth->allowed = (struct digest_ring){ .max = ALLOWED_MAX };
	auth->denied = (struct digest_ring){ .max = DENIED_MAX };
	auth->allowed.items = xcalloc(ALLOWED_MAX, sizeof(*auth->allowed.items));
	auth->denied.items = xcalloc(DENIED_MAX, sizeof(*auth->denied.items));
	if (gnutls_rnd(GNUTLS_RND_KEY, auth->key, sizeof(auth->key)) < 0)
		abort();
	return auth;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	free(auth->allowed.items);
	free(auth->denied.items);
	explicit_bzero(auth->key, sizeof(auth->key));
	free(auth);
}

static bool ring_has(const struct digest_ring *ring, const struct digest *digest)
{
	for (size_t i = 0; i < ring->n; i++)
		if (memcmp(&ring->items[i], digest, sizeof(*digest)) == 0)
			return true;
	return false;
}

static void ring_add(struct digest_ring *ring, const struct digest *digest)
{
	ring->items[ring->next] = *digest;
	ring->next = (ring->next + 1) % ring->max;
	if (ring->n < ring->max)
		ring->n++;
}

/* "Basic" in any case, then base64 of user:password, as long as neither has a NUL. */
static int credentials_read(const char *header, struct credentials *ret)
{
	static const char scheme[] = "basic";
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/=";
	gnutls_datum_t coded, text;
	char *colon;

	if (!header || strlen(header) > HEADER_MAX ||
	    strncasecmp(header, scheme, strlen(scheme)) != 0)
		return -1;
	header += strlen(scheme);
	if (*header != ' ')
		return -1;
	header += strspn(header, " ");
	coded.data = (unsigned char *)(uintptr_t)header;
	coded.size = (unsigned int)strlen(header);
	/* GnuTLS skips what is not of the alphabet. */
	if (coded.size == 0 || header[strspn(header, alphabet)] != '\0' ||
	    gnutls_base64_decode2(&coded, &text) < 0)
		return -1;
	if (text.size == 0) {
		gnutls_free(text.data);
		return -1;
	}
	ret->size = text.size;
	ret->user = xmalloc(text.size + 1); /* all of it, zero bytes too: it is wiped by its size */
	memcpy(ret->user, text.data, text.size);
	ret->user[text.size] = '\0';
	explicit_bzero(text.data, text.size);
	gnutls_free(text.data);
	colon = strchr(ret->user, ':');
	if (!colon || strlen(ret->user) != ret->size)
		return -1;
	*colon = '\0';
	ret->password = colon + 1;
	return 0;
}

/* Each part goes in with its length, so that no two triples give the same bytes. */
static struct digest digest_of(const struct auth *auth, const char *user, const char *hash,
			       const char *password)
{
	const char *const parts[] = { user, hash, password };
	gnutls_hmac_hd_t hmac;
	struct digest digest;

	if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, auth->key, sizeof(auth->key)) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t length = strlen(parts[i]);

		gnutls_hmac(hmac, &length, sizeof(length));
		gnutls_hmac(hmac, parts[i], length);
	}
	gnutls_hmac_deinit(hmac, digest.bytes);
	return digest;
}

static bool same_bytes(const char *a, const char *b)
{
	size_t length = strlen(a);
	unsigned char difference = strlen(b) != length;

	for (size_t i = 0; !difference && i < length; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return !difference;
}

static void check_run(struct worker *worker, struct worker_job *job)
{
	struct check *check = (struct check *)job;
	struct crypt_data *data = xcalloc(1, sizeof(*data));
	const char *result = crypt_r(check->password, check->hash, data);

	(void)worker;
	check->matches = result && same_bytes(result, check->hash);
	explicit_bzero(data, sizeof(*data));
	free(data);
}

static void check_free(struct check *check)
{
	explicit_bzero(check->password, strlen(check->password));
	free(check->password);
	free(check->hash);
	free(check->waiters);
	free(check);
}

static void check_done(struct worker_job *job)
{
	struct check *check = (struct check *)job, **link = &check->auth->checks;
	struct auth *auth = check->auth;
	bool right = check->matches && check->known_user;

	while (*link != check)
		link = &(*link)->next;
	*link = check->next;
	auth->n_checks--;
	if (!check->job.cancelled)
		ring_add(right ? &auth->allowed : &auth->denied, &check->digest);
	for (size_t i = 0; i < check->n_waiters; i++)
		check->waiters[i].done(check->waiters[i].data);
	check_free(check);
}

static enum auth_verdict check_wait(struct check *check, void (*done)(void *data), void *data)
{
	if (check->n_waiters == WAITERS_MAX)
		return AUTH_BUSY;
	check->waiters =
		xreallocarray(check->waiters, check->n_waiters + 1, sizeof(*check->waiters));
	check->waiters[check->n_waiters++] = (struct waiter){ .done = done, .data = data };
	return AUTH_PENDING;
}

static struct check *check_submit(struct auth *auth, const struct digest *digest, const char *hash,
				  const char *password)
{
	struct check *check = xcalloc(1, sizeof(*check));

	check->job = (struct worker_job){ .run = check_run, .done = check_done };
	check->auth = auth;
	check->digest = *digest;
	check->hash = xstrdup(hash);
	check->password = xstrdup(password);
	check->next = auth->checks;
	auth->checks = check;
	auth->n_checks++;
	worker_submit(auth->worker, &check->job);
	return check;
}

enum auth_verdict auth_check(struct auth *auth, const struct web_pair *users, size_t n_users,
			     const char *authorization, void (*done)(void *data), void *data)
{
	cleanup(cleanup_credentials) struct credentials credentials = { 0 };
	const struct web_pair *user = &users[0]; /* its hash's cost is what an unknown one pays */
	bool known = false;
	struct digest digest;
	struct check *check;

	if (n_users == 0)
		return AUTH_ALLOWED;
	if (credentials_read(authorization, &credentials) < 0)
		return AUTH_DENIED;
	for (size_t i = 0; i < n_users; i++)
		if (same_bytes(users[i].name, credentials.user)) {
			user = &users[i];
			known = true;
		}
	digest = digest_of(auth, credentials.user, user->value, credentials.password);
	if (ring_has(&auth->allowed, &digest))
		return AUTH_ALLOWED;
	if (ring_has(&auth->denied, &digest))
		return AUTH_DENIED;
	for (check = auth->checks; check; check = check->next)
		if (memcmp(&check->digest, &digest, sizeof(digest)) == 0)
			return check_wait(check, done, data);
	if (auth->n_checks == CHECKS_MAX)
		return AUTH_BUSY;
	check = check_submit(auth, &digest, user->value, credentials.password);
	check->known_user = known;
	return check_wait(check, done, data);
}
