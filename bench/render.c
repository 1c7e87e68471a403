/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to write 1,000 workloads of 100 series in each format, against copying the finished
 * output, and what each compressor makes of it. One JSON object per measurement; `make bench`.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/snapshot.h"
#include "exporters/compress.h"
#include "exporters/exporter.h"

enum {
	N_WORKLOADS = 1000,
	N_PLAIN = 40, /* families without labels of their own */
	N_LABELLED = 10,
	N_VALUES = 6, /* series of each of those */
	N_SERIES = N_WORKLOADS * (N_PLAIN + N_LABELLED * N_VALUES),
	ROUNDS = 11,
	PIECE = 60 * 1024,
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A number that depends on `i` alone, so that every run writes the same bytes. */
static uint64_t scatter(uint64_t i)
{
	i = (i ^ (i >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	i = (i ^ (i >> 27)) * UINT64_C(0x94d049bb133111eb);
	return i ^ (i >> 31);
}

static void metric_make(struct arena *arena, struct metric *metric, unsigned i)
{
	static const uint64_t scales[] = { 1, SCALE_MICROSECONDS, 1, SCALE_NANOSECONDS };
	static const char *const names[][2] = {
		{ "container_memory_anonymous_huge", "bytes" },
		{ "container_cpu_usage", "seconds_total" },
		{ "container_memory_failures", "total" },
		{ "container_pressure_waiting", "seconds_total" },
	};
	char name[80];

	snprintf(name, sizeof(name), "%s_%u_%s", names[i % 4][0], i, names[i % 4][1]);
	*metric = (struct metric){
		.name = arena_strdup(arena, name),
		.help = "A number of this kind, as the kernel counts it in memory.stat.",
		.type = i % 4 ? METRIC_COUNTER : METRIC_GAUGE,
		.scale = scales[i % 4],
	};
	if (i >= N_PLAIN)
		metric->labels[0] = i % 2 ? "device" : "failure_type";
}

static void workload_make(struct arena *arena, struct workload *workload, uint32_t i)
{
	uint64_t a = scatter(i), b = scatter(a), c = scatter(b);
	char text[400];

	workload->index = i;
	snprintf(text, sizeof(text),
		 "/kubepods.slice/kubepods-burstable.slice/"
		 "kubepods-burstable-pod%08" PRIx32 "_%04x_%04x_%04x_%012" PRIx64 ".slice/"
		 "cri-containerd-%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 ".scope",
		 (uint32_t)a, (unsigned)b & 0xffff, (unsigned)c & 0xffff, (unsigned)a >> 16,
		 b >> 16, a, b, c, scatter(c));
	workload->path = arena_strdup(arena, text);
	workload->name = strrchr(workload->path, '-') + 1;
	snprintf(text, sizeof(text), "registry.example.org/shop/service-%u:v1.%u.0", i % 50, i % 7);
	workload->image = arena_strdup(arena, text);
	snprintf(text, sizeof(text), "team-%u", i % 20);
	workload->namespace = arena_strdup(arena, text);
	snprintf(text, sizeof(text), "service-%u-%09" PRIx32 "-%05x", i % 50, (uint32_t)a,
		 (unsigned)b & 0xfffff);
	workload->pod = arena_strdup(arena, text);
	workload->container = "service";
}

/* Values as they are found: many zeros, small counts, bytes, and nanoseconds of weeks. */
static uint64_t value_make(uint64_t i)
{
	uint64_t x = scatter(i);

	return i % 5 == 0 ? 0 : x >> (12 + x % 48);
}

static struct snapshot *snapshot_make(void)
{
	static const char *const labels[N_VALUES] = {
		"sda", "nvme0n1", "pgfault", "pgmajfault", "hierarchy", "container",
	};
	struct snapshot *snapshot = snapshot_new();
	struct arena *arena = &snapshot->arena;
	struct metric *metrics = arena_alloc(arena, sizeof(*metrics) * (N_PLAIN + N_LABELLED));
	uint64_t n = 0;

	snapshot->n_workloads = N_WORKLOADS;
	snapshot->workloads = arena_alloc(arena, sizeof(struct workload) * N_WORKLOADS);
	for (uint32_t i = 0; i < N_WORKLOADS; i++)
		workload_make(arena, &snapshot->workloads[i], i);
	snapshot->n_families = N_PLAIN + N_LABELLED;
	snapshot->families = arena_alloc(arena, sizeof(struct family) * snapshot->n_families);
	for (unsigned i = 0; i < snapshot->n_families; i++) {
		struct family *family = &snapshot->families[i];

		metric_make(arena, &metrics[i], i);
		family->metric = &metrics[i];
		for (unsigned j = 0; j < N_WORKLOADS * (i < N_PLAIN ? 1 : N_VALUES); j++) {
			unsigned w = i < N_PLAIN ? j : j / N_VALUES;
			const char *const *own =
				i < N_PLAIN ? NULL
					    : snapshot_labels(snapshot, 1, &labels[j % N_VALUES]);

			family_add_integer(snapshot, family, &snapshot->workloads[w], own,
					   value_make(n++));
		}
	}
	return snapshot;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double values[static ROUNDS])
{
	double sorted[ROUNDS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(*sorted), compare);
	return sorted[ROUNDS / 2];
}

/* `bar` 0: a figure to read, without a limit. Lower is better throughout. */
static void report(const char *name, double value, const char *unit, double bar, const char *method)
{
	printf("{\"name\": \"render/%s\", \"value\": %.3f, \"unit\": \"%s\", ", name, value, unit);
	if (bar > 0)
		printf("\"bar\": %g, \"better\": \"lower\", \"pass\": %s, ", bar,
		       value <= bar ? "true" : "false");
	else
		printf("\"bar\": null, \"better\": \"lower\", \"pass\": null, ");
	printf("\"runs\": %d, \"method\": \"%s\"}\n", ROUNDS, method);
	fflush(stdout);
}

/* Renders piece by piece, as the server does, into one small buffer. */
static double render_once(const struct renderer *renderer, const struct snapshot *snapshot,
			  struct buffer *piece)
{
	uint64_t start = now_ns();
	void *rendering = renderer->begin(snapshot, NULL);

	do
		piece->length = 0;
	while (renderer->step(rendering, piece));
	renderer->end(rendering);
	return (double)(now_ns() - start);
}

/* The control: the same bytes into the same small buffer. */
static double copy_once(const struct buffer *output, struct buffer *piece)
{
	uint64_t start = now_ns();

	for (size_t at = 0; at < output->length; at += PIECE) {
		size_t n = output->length - at < PIECE ? output->length - at : PIECE;

		piece->length = 0;
		buffer_append(piece, output->data + at, n);
		__asm__ volatile("" : : "r"(piece->data) : "memory");
	}
	return (double)(now_ns() - start);
}

static void bench_renderer(const struct renderer *renderer, const struct snapshot *snapshot)
{
	double rendered[ROUNDS], copied[ROUNDS], ratio[ROUNDS];
	struct buffer output = { 0 }, piece = { 0 };
	bool barred = renderer != &renderer_protobuf;
	char name[80];

	renderer_render(renderer, snapshot, NULL, &output);
	buffer_reserve(&piece, PIECE);
	for (int i = 0; i < ROUNDS; i++) {
		rendered[i] = render_once(renderer, snapshot, &piece) / N_SERIES;
		copied[i] = copy_once(&output, &piece) / N_SERIES;
		ratio[i] = rendered[i] / copied[i];
	}
	snprintf(name, sizeof(name), "%s", renderer->name);
	report(name, median(rendered), "ns/series", barred ? 30 : 0,
	       "1000 workloads x 100 series in pieces of 60 KiB, CPU time, median");
	snprintf(name, sizeof(name), "%s_memcpy", renderer->name);
	report(name, median(copied), "ns/series", 0, "control: memcpy of the output by pieces");
	snprintf(name, sizeof(name), "%s_to_memcpy", renderer->name);
	report(name, median(ratio), "ratio", barred ? 3 : 0, "median of interleaved pairs");
	snprintf(name, sizeof(name), "%s_size", renderer->name);
	report(name, (double)output.length / 1e6, "MB", 0, "output");
	buffer_free(&piece);
	buffer_free(&output);
}

/* A way to compress: returns the memory it worked with, its state and what it had to hold. */
struct coder {
	const char *name;
	size_t (*run)(const struct buffer *in, int level, struct buffer *out);
	int level;
	bool shipped;
};

static size_t zlib_memory(const z_stream *stream)
{
	(void)stream;
	return (1 << (15 + 2)) + (1 << (8 + 9)) + 6 * 1024; /* zconf.h */
}

static size_t run_zlib(const struct buffer *in, int level, struct buffer *out)
{
	z_stream stream = { 0 };

	deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	for (size_t at = 0; at < in->length; at += PIECE) {
		size_t n = in->length - at < PIECE ? in->length - at : PIECE;

		stream.next_in = (Bytef *)in->data + at;
		stream.avail_in = (uInt)n;
		do {
			stream.next_out = (Bytef *)buffer_reserve(out, 16384);
			stream.avail_out = 16384;
			deflate(&stream, at + n == in->length ? Z_FINISH : Z_NO_FLUSH);
			out->length += 16384 - stream.avail_out;
		} while (!stream.avail_out);
	}
	deflateEnd(&stream);
	return zlib_memory(&stream);
}

static size_t run_libdeflate(const struct buffer *in, int level, struct buffer *out)
{
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
	size_t bound = libdeflate_gzip_compress_bound(compressor, in->length);

	buffer_reserve(out, bound);
	out->length = libdeflate_gzip_compress(compressor, in->data, in->length, out->data, bound);
	libdeflate_free_compressor(compressor);
	return in->length + out->length; /* one-shot: all of both at once */
}

static size_t run_isal(const struct buffer *in, int level, struct buffer *out)
{
	static const uint32_t sizes[] = { ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
					  ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT };
	struct isal_zstream *stream = xcalloc(1, sizeof(*stream));
	cleanup_free uint8_t *work = xmalloc(sizes[level] + 1);

	isal_deflate_init(stream);
	stream->gzip_flag = IGZIP_GZIP;
	stream->level = (uint32_t)level;
	stream->level_buf = work;
	stream->level_buf_size = sizes[level];
	for (size_t at = 0; at < in->length; at += PIECE) {
		size_t n = in->length - at < PIECE ? in->length - at : PIECE;

		stream->next_in = (uint8_t *)in->data + at;
		stream->avail_in = (uint32_t)n;
		stream->end_of_stream = at + n == in->length;
		do {
			stream->next_out = (uint8_t *)buffer_reserve(out, 16384);
			stream->avail_out = 16384;
			isal_deflate(stream);
			out->length += 16384 - stream->avail_out;
		} while (!stream->avail_out);
	}
	free(stream);
	return sizeof(*stream) + sizes[level];
}

static size_t run_zstd(const struct buffer *in, int level, struct buffer *out)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
	for (size_t at = 0; at < in->length; at += PIECE) {
		size_t n = in->length - at < PIECE ? in->length - at : PIECE;
		ZSTD_inBuffer from = { in->data + at, n, 0 };
		size_t left = 0;

		do {
			ZSTD_outBuffer to = { buffer_reserve(out, 16384), 16384, 0 };

			left = ZSTD_compressStream2(context, &to, &from,
						    at + n == in->length ? ZSTD_e_end
									 : ZSTD_e_continue);
			out->length += to.pos;
		} while (from.pos < n || (at + n == in->length && left));
	}
	size_t memory = ZSTD_sizeof_CCtx(context);
	ZSTD_freeCCtx(context);
	return memory;
}

/* What the server uses; `level` is the coding. */
static size_t run_shipped(const struct buffer *in, int level, struct buffer *out)
{
	struct compressor *compressor = compressor_new((enum coding)level);

	for (size_t at = 0; at < in->length; at += PIECE) {
		size_t n = in->length - at < PIECE ? in->length - at : PIECE;

		if (compressor_write(compressor, in->data + at, n, at + n == in->length, out))
			abort();
	}
	compressor_free(compressor);
	return 0;
}

static const struct coder coders[] = {
	{ "zlib_1", run_zlib, 1, false },
	{ "libdeflate_1", run_libdeflate, 1, false },
	{ "isal_0", run_isal, 0, false },
	{ "isal_1", run_isal, 1, false },
	{ "isal_2", run_isal, 2, false },
	{ "zstd_1", run_zstd, 1, false },
	{ "zstd_2", run_zstd, 2, false },
	{ "zstd_3", run_zstd, 3, false },
	{ "shipped_gzip", run_shipped, CODING_GZIP, true },
	{ "shipped_zstd", run_shipped, CODING_ZSTD, true },
};

static size_t coder_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(coders); i++)
		if (!strcmp(coders[i].name, name))
			return i;
	abort();
}

/* What the server's gzip takes against libdeflate, which has the whole text at once. */
static void report_gzip(double times[static ARRAY_SIZE(coders)][ROUNDS])
{
	size_t shipped = coder_find("shipped_gzip"), control = coder_find("libdeflate_1");
	double ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ratio[i] = times[shipped][i] / times[control][i];
	report("compress/gzip_to_libdeflate", median(ratio), "ratio", 1.2,
	       "shipped_gzip to libdeflate_1, median of interleaved pairs");
}

static void bench_coders(const struct snapshot *snapshot)
{
	static double times[ARRAY_SIZE(coders)][ROUNDS];
	size_t memory[ARRAY_SIZE(coders)] = { 0 }, sizes[ARRAY_SIZE(coders)] = { 0 };
	struct buffer text = { 0 }, out = { 0 };
	char name[80];

	renderer_render(&renderer_text, snapshot, NULL, &text);
	for (int i = 0; i < ROUNDS; i++)
		for (size_t j = 0; j < ARRAY_SIZE(coders); j++) {
			out.length = 0;
			uint64_t start = now_ns();
			memory[j] = coders[j].run(&text, coders[j].level, &out);
			times[j][i] = (double)(now_ns() - start);
			sizes[j] = out.length;
		}
	for (size_t j = 0; j < ARRAY_SIZE(coders); j++) {
		snprintf(name, sizeof(name), "compress/%s", coders[j].name);
		report(name, median(times[j]) / 1e6, "ms", 0, "the text, once, CPU time, median");
		snprintf(name, sizeof(name), "compress/%s_size", coders[j].name);
		report(name, (double)sizes[j] / 1e6, "MB", 0, "output");
		if (coders[j].shipped)
			continue;
		snprintf(name, sizeof(name), "compress/%s_memory", coders[j].name);
		report(name, (double)memory[j] / 1024, "KiB", 0, "state, and what it must hold");
	}
	report_gzip(times);
	buffer_free(&text);
	buffer_free(&out);
}

int main(void)
{
	const struct snapshot *snapshot = snapshot_make();

	for (size_t i = 0; i < n_renderers; i++)
		bench_renderer(renderers[i], snapshot);
	bench_coders(snapshot);
	snapshot_unref(snapshot);
	return 0;
}
