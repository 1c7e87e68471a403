/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --web.config.file in effect: TLS, users, headers and rate limit of all servers. Changed
 * files take effect by themselves, as in all Prometheus exporters; a broken one leaves the last good
 * configuration. Owned by main.c.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "exporters/auth.h"

struct web;
struct web_config;
struct web_session;
struct worker;

/* -errno with *ret_error (caller frees), one line; *ret_web is untouched then. */
int web_new(const char *path, struct worker *worker, struct web **ret_web, char **ret_error);
/* After the worker and all servers. Accepts NULL. */
void web_free(struct web *web);
/* Checks a file without using it: as web_new(). */
int web_check(const char *path, char **ret_error);
/*
 * Looks whether files changed: 1 when a new configuration is in effect, 0 when nothing changed. -errno
 * with *ret_error (caller frees) when it is broken: once per change, or always with `force`.
 */
int web_refresh(struct web *web, bool force, char **ret_error);
/* Of now; valid until web_refresh(). */
const struct web_config *web_config(const struct web *web);
/* Whether connections are TLS: settled at the start. */
bool web_uses_tls(const struct web *web);
/* A connection's hold on the configuration of its beginning; NULL without TLS. */
struct web_session *web_session_start(struct web *web, gnutls_session_t session);
/* Accepts NULL. */
void web_session_end(struct web_session *session);
/* Whether the rate limit has room for one more request. */
bool web_take_token(struct web *web);
/* Whether a request may be answered: auth_check() with the users of now. */
enum auth_verdict web_authenticate(struct web *web, const char *authorization,
				   void (*done)(void *data), void *data);
