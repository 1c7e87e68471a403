/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/web.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "exporters/tls.h"
#include "exporters/web_config.h"

/* What tells that a file is another one than before. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec mtime, ctime;
};

enum { WATCHED_FILES = 4 };

/* One configuration, held by the web and by the connections that began with it. */
struct web_session {
	unsigned references;
	struct web_config *config;
	struct tls *tls; /* NULL without TLS */
};

struct web {
	char *path;
	struct auth *auth;
	struct web_session *current;
	struct stamp stamps[WATCHED_FILES];
	double tokens;
	struct timespec tokens_time;
};

void web_session_end(struct web_session *session)
{
	if (!session || --session->references)
		return;
	tls_free(session->tls);
	web_config_free(session->config);
	free(session);
}

static int session_load(const char *path, struct web_session **ret_session, char **ret_error)
{
	struct web_session *session = xcalloc(1, sizeof(*session));
	int r = web_config_load(path, &session->config, ret_error);

	session->references = 1;
	if (r == 0 && session->config->tls.enabled)
		r = tls_new(&session->config->tls, &session->tls, ret_error);
	if (r < 0) {
		web_session_end(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

static void stamp_take(const char *path, struct stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp)); /* padding too: stamps are compared as bytes */
	if (!*path || stat(path, &st) < 0)
		return;
	stamp->device = st.st_dev;
	stamp->inode = st.st_ino;
	stamp->size = st.st_size;
	stamp->mtime = st.st_mtim;
	stamp->ctime = st.st_ctim;
}

/* Whether one of the files changed since the last call. */
static bool files_changed(struct web *web)
{
	const struct web_tls *tls = &web->current->config->tls;
	const char *const paths[WATCHED_FILES] = { web->path, tls->cert_file, tls->key_file,
						   tls->client_ca_file };
	struct stamp stamps[WATCHED_FILES];
	bool changed;

	for (size_t i = 0; i < WATCHED_FILES; i++)
		stamp_take(paths[i], &stamps[i]);
	changed = memcmp(stamps, web->stamps, sizeof(stamps)) != 0;
	memcpy(web->stamps, stamps, sizeof(stamps));
	return changed;
}

static void tokens_fill(struct web *web)
{
	web->tokens = (double)web->current->config->rate_burst;
	clock_gettime(CLOCK_MONOTONIC, &web->tokens_time);
}

int web_new(const char *path, struct worker *worker, struct web **ret_web, char **ret_error)
{
	struct web_session *session;
	int r = session_load(path, &session, ret_error);

	if (r < 0)
		return r;
	struct web *web = xcalloc(1, sizeof(*web));

	web->path = xstrdup(path);
	web->auth = auth_new(worker);
	web->current = session;
	(void)files_changed(web);
	tokens_fill(web);
	*ret_web = web;
	return 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	web_session_end(web->current);
	auth_free(web->auth);
	free(web->path);
	free(web);
}

int web_check(const char *path, char **ret_error)
{
	struct web_session *session;
	int r = session_load(path, &session, ret_error);

	if (r == 0)
		web_session_end(session);
	return r;
}

int web_refresh(struct web *web, bool force, char **ret_error)
{
	struct web_session *session;
	int r;

	if (!files_changed(web) && !force)
		return 0;
	r = session_load(web->path, &session, ret_error);
	if (r < 0)
		return r;
	if (session->config->tls.enabled != web_uses_tls(web)) {
		web_session_end(session);
		*ret_error =
			xasprintf("%s: TLS is switched on or off at a restart only", web->path);
		return -EINVAL;
	}
	web_session_end(web->current);
	web->current = session;
	(void)files_changed(web); /* it may name other files */
	tokens_fill(web);
	return 1;
}

const struct web_config *web_config(const struct web *web)
{
	return web->current->config;
}

bool web_uses_tls(const struct web *web)
{
	return web->current->tls;
}

struct web_session *web_session_start(struct web *web, gnutls_session_t session)
{
	if (!web->current->tls)
		return NULL;
	tls_attach(web->current->tls, session);
	web->current->references++;
	return web->current;
}

/* A bucket of `burst` tokens, one more each `interval`. */
bool web_take_token(struct web *web)
{
	const struct web_config *config = web->current->config;
	struct timespec now;
	double passed_ns;

	if (config->rate_interval_ns <= 0)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	passed_ns = (double)(now.tv_sec - web->tokens_time.tv_sec) * 1e9 +
		    (double)(now.tv_nsec - web->tokens_time.tv_nsec);
	web->tokens_time = now;
	web->tokens += passed_ns / (double)config->rate_interval_ns;
	if (web->tokens > (double)config->rate_burst)
		web->tokens = (double)config->rate_burst;
	if (web->tokens < 1)
		return false;
	web->tokens--;
	return true;
}

enum auth_verdict web_authenticate(struct web *web, const char *authorization,
				   void (*done)(void *data), void *data)
{
	const struct web_config *config = web->current->config;

	return auth_check(web->auth, config->users, config->n_users, authorization, done, data);
}
