/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a reply on its way to a client: pieces of a stream, coded as they come, so that a reply
 * of any size needs the memory of one piece. Owned by an exchange.
 */
#pragma once

#include <microhttpd.h>

#include "exporters/compress.h"
#include "exporters/http.h"

struct body;

/* Takes over what `reply` holds, stream or bytes. Never NULL. */
struct body *body_new(struct http_reply *reply, enum coding coding);
/* An MHD_ContentReaderCallback over a struct body. */
ssize_t body_read(void *data, uint64_t position, char *out, size_t size);
/* Ends the stream, finished or not. Accepts NULL. */
void body_free(struct body *body);
