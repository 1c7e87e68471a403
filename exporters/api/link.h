/* SPDX-License-Identifier: Apache-2.0 */
/* Links back to ourselves. For exporters/api and exporters/web. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "collector/buffer.h"
#include "exporters/http.h"

/* Appends text percent-encoded: all but RFC 3986's unreserved characters. */
void link_encode(struct buffer *out, const char *text);
/* The request's path and query with one parameter set anew; freed by the caller. */
char *link_with(const struct http_request *request, const char *name, const char *value);
/* The same for a number; null for 0. A new reference. */
json_t *link_to_number(const struct http_request *request, const char *name, uint64_t number);
