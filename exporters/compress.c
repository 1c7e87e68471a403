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
 * Chosen by bench/render.c, over the 46 MB of 1,000 workloads. gzip: isa-l streams, and is ten times
 * as fast as zlib and three times as libdeflate (which would need all of it at once), at the size of
 * the latter. zstd: a series' labels come again a family later, some 500 KB on; level 2 is the first
 * whose window of 1 MiB reaches back that far, so it takes less time than level 1 for half the size.
 */
enum { GZIP_LEVEL = 1, GZIP_BUFFER = ISAL_DEF_LVL1_SMALL, ZSTD_LEVEL = 2, OUT_STEP = 16 * 1024 };

struct compressor {
	enum coding coding;
	ZSTD_CCtx *zstd;
	struct isal_zstream gzip;
	uint8_t gzip_work[]; /* of GZIP_LEVEL: GZIP_BUFFER bytes for CODING_GZIP */
};

/* A library that gives no context is out of memory, and that ends the daemon everywhere. */
static void zstd_start(struct compressor *compressor)
{
	compressor->zstd = ZSTD_createCCtx();
	if (!compressor->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(
					 compressor->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
		abort();
}

static void gzip_start(struct compressor *compressor)
{
	struct isal_zstream *stream = &compressor->gzip;

	isal_deflate_init(stream);
	stream->gzip_flag = IGZIP_GZIP;
	stream->level = GZIP_LEVEL;
	stream->level_buf = compressor->gzip_work;
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
