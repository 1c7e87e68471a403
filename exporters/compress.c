/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/compress.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "collector/memory.h"

/*
 * gzip comes from isa-l: it streams, and of those that do it is several times faster than zlib at
 * about the same size (bench/render.c prints both). zstd has half of either, and its window is kept
 * small, so that 40 clients at once do not take 40 times a megabyte.
 */
enum { ZSTD_LEVEL = 1, ZSTD_WINDOW_LOG = 17, GZIP_LEVEL = 1, OUT_STEP = 16 * 1024 };

struct compressor {
	enum coding coding;
	ZSTD_CCtx *zstd;
	struct isal_zstream gzip;
	uint8_t gzip_level
		[]; /* working memory of isa-l's level; GZIP_BUFFER bytes for CODING_GZIP */
};

enum { GZIP_BUFFER = ISAL_DEF_LVL1_SMALL };

/* What the library does not give or cannot take is as bad as no memory: abort, as all else does. */
static void zstd_start(struct compressor *compressor)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();

	if (!context ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, ZSTD_WINDOW_LOG)))
		abort();
	compressor->zstd = context;
}

static void gzip_start(struct compressor *compressor)
{
	struct isal_zstream *stream = &compressor->gzip;

	isal_deflate_init(stream);
	stream->gzip_flag = IGZIP_GZIP;
	stream->level = GZIP_LEVEL;
	stream->level_buf = compressor->gzip_level;
	stream->level_buf_size = GZIP_BUFFER;
}

struct compressor *compressor_new(enum coding coding)
{
	size_t extra = coding == CODING_GZIP ? GZIP_BUFFER : 0;
	struct compressor *compressor = xcalloc(1, sizeof(*compressor) + extra);

	compressor->coding = coding;
	if (coding == CODING_ZSTD)
		zstd_start(compressor);
	else if (coding == CODING_GZIP)
		gzip_start(compressor);
	return compressor;
}

static int gzip_write(struct compressor *compressor, const void *data, size_t length, bool last,
		      struct buffer *out)
{
	struct isal_zstream *stream = &compressor->gzip;

	if (length > UINT32_MAX)
		return -EIO;
	stream->next_in = (uint8_t *)data; /* only read */
	stream->avail_in = (uint32_t)length;
	stream->end_of_stream = last;
	do {
		stream->next_out = (uint8_t *)buffer_reserve(out, OUT_STEP);
		stream->avail_out = OUT_STEP;
		if (isal_deflate(stream) != COMP_OK)
			return -EIO;
		out->length += OUT_STEP - stream->avail_out;
	} while (stream->avail_in || !stream->avail_out ||
		 (last && stream->internal_state.state != ZSTATE_END));
	return 0;
}

static int zstd_write(struct compressor *compressor, const void *data, size_t length, bool last,
		      struct buffer *out)
{
	ZSTD_inBuffer in = { .src = data, .size = length };
	size_t left;

	do {
		ZSTD_outBuffer piece = { .dst = buffer_reserve(out, OUT_STEP), .size = OUT_STEP };

		left = ZSTD_compressStream2(compressor->zstd, &piece, &in,
					    last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -EIO;
		out->length += piece.pos;
	} while (in.pos < in.size || (last && left));
	return 0;
}

int compressor_write(struct compressor *compressor, const void *data, size_t length, bool last,
		     struct buffer *out)
{
	switch (compressor->coding) {
	case CODING_GZIP:
		return gzip_write(compressor, data, length, last, out);
	case CODING_ZSTD:
		return zstd_write(compressor, data, length, last, out);
	case CODING_IDENTITY:
		break;
	}
	if (length)
		buffer_append(out, data, length);
	return 0;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	ZSTD_freeCCtx(compressor->zstd);
	free(compressor);
}
