/* SPDX-License-Identifier: Apache-2.0 */
/* What a client takes and what it has already. Owns nothing; for exporters/api and exporters/web. */
#pragma once

#include <stdbool.h>

/*
 * Whether an Accept header (NULL: none was sent) allows a media type such as "application/json": the
 * most specific range that matches decides, and its q=0 forbids. RFC 9110, 12.5.1.
 */
bool accept_allows(const char *accept, const char *type);
/* Whether an If-None-Match header names this entity tag, weakly. RFC 9110, 13.1.2. */
bool etag_matches(const char *if_none_match, const char *etag);
