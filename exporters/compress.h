/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content codings for replies that come in pieces. One instance per reply.
 */
#pragma once

#include <stdbool.h>

#include "collector/buffer.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD };

struct compressor;

/*
 * The coding for an Accept-Encoding header (NULL: none was sent), with q-values: zstd where it is
 * offered, else gzip, else identity. RFC 9110, 12.5.3.
 */
enum coding coding_negotiate(const char *accept_encoding);
/* "gzip", "zstd"; NULL for identity. */
const char *coding_name(enum coding coding);

struct compressor *compressor_new(enum coding coding);
/* Appends the coded form of `length` bytes to `out`; `last` ends the stream. 0 or -EIO. */
int compressor_write(struct compressor *compressor, const void *data, size_t length, bool last,
		     struct buffer *out);
void compressor_free(struct compressor *compressor);
