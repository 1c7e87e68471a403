/* SPDX-License-Identifier: Apache-2.0 */
/* What the compressors write, zlib and libzstd read: in any pieces, of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "collector/cleanup.h"
#include "exporters/compress.h"

enum { N_BYTES = 3000000 };

/* Text much like ours: long lines that repeat, and numbers that do not. */
static struct buffer text_make(void)
{
	struct buffer text = { 0 };
	uint64_t random = 88172645463325252;

	while (text.length < N_BYTES) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		buffer_printf(&text, "container_cpu_usage_seconds_total{id=\"/pod%u\"} %llu\n",
			      (unsigned)(random % 300), (unsigned long long)random >> 20);
	}
	return text;
}

static struct buffer noise_make(void)
{
	struct buffer noise = { 0 };
	uint64_t random = 88172645463325252;

	while (noise.length < N_BYTES / 10) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		buffer_append(&noise, &random, sizeof(random));
	}
	return noise;
}

static struct buffer inflate_gzip(const struct buffer *in)
{
	z_stream stream = { .next_in = (Bytef *)in->data, .avail_in = (uInt)in->length };
	struct buffer out = { 0 };
	int status = Z_OK;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	while (status == Z_OK) {
		stream.next_out = (Bytef *)buffer_reserve(&out, 65536);
		stream.avail_out = 65536;
		status = inflate(&stream, Z_NO_FLUSH);
		out.length += 65536 - stream.avail_out;
	}
	assert_int_equal(status, Z_STREAM_END); /* complete, its checksum right, */
	assert_int_equal(stream.avail_in, 0);	/* and nothing behind it */
	inflateEnd(&stream);
	return out;
}

static struct buffer decompress_zstd(const struct buffer *in)
{
	struct buffer out = { 0 };
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer from = { in->data, in->length, 0 };
	size_t left = 1;

	while (left) {
		ZSTD_outBuffer to = { buffer_reserve(&out, 65536), 65536, 0 };

		left = ZSTD_decompressStream(context, &to, &from);
		assert_false(ZSTD_isError(left));
		assert_true(to.pos || !left || from.pos < from.size);
		out.length += to.pos;
	}
	assert_int_equal(from.pos, from.size);
	ZSTD_freeDCtx(context);
	return out;
}

static struct buffer decode(enum coding coding, const struct buffer *in)
{
	struct buffer copy = { 0 };

	if (coding == CODING_GZIP)
		return inflate_gzip(in);
	if (coding == CODING_ZSTD)
		return decompress_zstd(in);
	if (in->length)
		buffer_append(&copy, in->data, in->length);
	return copy;
}

/* Writes in pieces; `last` comes with the last one, or on its own with nothing. */
static struct buffer encode(enum coding coding, const struct buffer *in, size_t piece, bool alone)
{
	struct compressor *compressor = compressor_new(coding);
	struct buffer out = { 0 };

	for (size_t at = 0; at < in->length; at += piece) {
		size_t n = in->length - at < piece ? in->length - at : piece;
		bool last = !alone && at + n == in->length;

		assert_int_equal(compressor_write(compressor, in->data + at, n, last, &out), 0);
	}
	if (alone || !in->length)
		assert_int_equal(compressor_write(compressor, "", 0, true, &out), 0);
	compressor_free(compressor);
	return out;
}

static void check_round_trips(const struct buffer *in, size_t piece)
{
	static const enum coding codings[] = { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD };

	for (size_t i = 0; i < ARRAY_SIZE(codings); i++)
		for (int alone = 0; alone < 2; alone++) {
			struct buffer coded = encode(codings[i], in, piece, alone);
			struct buffer decoded = { 0 };

			buffer_putc(&coded, 0); /* so that it is never NULL */
			coded.length--;
			decoded = decode(codings[i], &coded);
			assert_int_equal(decoded.length, in->length);
			if (in->length)
				assert_memory_equal(decoded.data, in->data, in->length);
			buffer_free(&coded);
			buffer_free(&decoded);
		}
}

static void test_pieces(void **state)
{
	static const size_t pieces[] = { 1000, 16384, 60 * 1024, N_BYTES * 2 };
	struct buffer text = text_make();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		check_round_trips(&text, pieces[i]);
	text.length = 5000;
	check_round_trips(&text, 1);
	buffer_free(&text);
}

static void test_noise(void **state)
{
	struct buffer noise = noise_make();

	(void)state;
	check_round_trips(&noise, 60 * 1024);
	buffer_free(&noise);
}

static void test_nothing(void **state)
{
	struct buffer empty = { 0 }, one = { 0 };

	(void)state;
	check_round_trips(&empty, 1);
	buffer_putc(&one, 'x');
	check_round_trips(&one, 1);
	buffer_free(&one);
}

/* It has to be worth it: a third of the text at most. */
static void test_it_compresses(void **state)
{
	struct buffer text = text_make();
	struct buffer gzip = encode(CODING_GZIP, &text, 60 * 1024, false);
	struct buffer zstd = encode(CODING_ZSTD, &text, 60 * 1024, false);

	(void)state;
	assert_in_range(gzip.length, 1, text.length / 3);
	assert_in_range(zstd.length, 1, text.length / 3);
	buffer_free(&zstd);
	buffer_free(&gzip);
	buffer_free(&text);
}

/* A reply that a client gave up in the middle. */
static void test_abandoned(void **state)
{
	struct buffer text = text_make(), out = { 0 };

	(void)state;
	for (enum coding coding = CODING_IDENTITY; coding <= CODING_ZSTD; coding++) {
		struct compressor *compressor = compressor_new(coding);

		assert_int_equal(compressor_write(compressor, text.data, 100000, false, &out), 0);
		compressor_free(compressor);
	}
	compressor_free(NULL);
	buffer_free(&out);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	  cmocka_unit_test(test_noise),
		cmocka_unit_test(test_nothing),	  cmocka_unit_test(test_it_compresses),
		cmocka_unit_test(test_abandoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
