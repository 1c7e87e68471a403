/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter `fields`: "id,memory.usage_bytes", comma-separated and repeatable. For exporters/api. */
#pragma once

#include <jansson.h>

#include "exporters/http.h"

/* The chosen part of a document, or the document when nothing was chosen. Steals the reference. */
json_t *select_fields(const struct http_request *request, json_t *document);
/* The first chosen field that the document does not have (freed by the caller), or NULL. */
char *select_unknown(const struct http_request *request, const json_t *document);
