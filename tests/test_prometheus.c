/* SPDX-License-Identifier: Apache-2.0 */
/* Text 0.0.4 and OpenMetrics: golden files, pieces, filters, and what the reference tools say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "exporters/exporter.h"
#include "exporters/labels.h"
#include "tests/hand_made.h"

static struct buffer render(const struct renderer *renderer, const struct snapshot *snapshot,
			    const struct name_filter *filter)
{
	struct buffer out = { 0 };

	renderer_render(renderer, snapshot, filter, &out);
	buffer_putc(&out, '\0'); /* so that the tests can treat it as a string */
	out.length--;
	return out;
}

static void read_file(const char *path, struct buffer *out)
{
	cleanup_file FILE *file = fopen(path, "re");
	char piece[4096];
	size_t n;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_append(out, piece, n);
	buffer_putc(out, '\0');
	out->length--;
}

/* With UPDATE_GOLDEN set, what is rendered becomes the golden file: read the diff then. */
static void check_golden(const struct renderer *renderer, const char *path)
{
	const struct snapshot *snapshot = hand_made_snapshot();
	struct buffer out = render(renderer, snapshot, NULL), golden = { 0 };

	if (getenv("UPDATE_GOLDEN")) {
		cleanup_file FILE *file = fopen(path, "we");

		assert_non_null(file);
		assert_int_equal(fwrite(out.data, 1, out.length, file), out.length);
	}
	read_file(path, &golden);
	assert_string_equal(out.data, golden.data);
	assert_int_equal(out.length, golden.length);
	buffer_free(&golden);
	buffer_free(&out);
	snapshot_unref(snapshot);
}

static void test_golden_text(void **state)
{
	(void)state;
	check_golden(&renderer_text, "tests/golden/hand-made.txt");
}

static void test_golden_openmetrics(void **state)
{
	(void)state;
	check_golden(&renderer_openmetrics, "tests/golden/hand-made.om");
}

/* The rendering does not depend on where the pieces end, and a piece stays small. */
static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_renderers; i++) {
		struct snapshot *snapshot = hand_made_frame();
		const struct workload *w = &snapshot->workloads[1];

		for (unsigned n = 0; n < 5000; n++)
			family_add_integer(snapshot, &snapshot->families[HAND_MEMORY], w, NULL, n);
		for (unsigned n = 0; n < 300; n++)
			hand_made_workload_samples(snapshot, w);

		struct buffer whole = render(renderers[i], snapshot, NULL), piece = { 0 };
		void *rendering = renderers[i]->begin(snapshot, NULL);
		size_t at = 0, n_pieces = 0;
		bool more = true;
		while (more) {
			piece.length = 0;
			more = renderers[i]->step(rendering, &piece);
			assert_in_range(piece.length, more ? 32 * 1024 : 0, 64 * 1024);
			assert_in_range(piece.length, 0, whole.length - at);
			assert_memory_equal(piece.data, whole.data + at, piece.length);
			at += piece.length;
			n_pieces++;
		}
		assert_int_equal(at, whole.length);
		assert_in_range(n_pieces, 10, 1000);
		renderers[i]->end(rendering);
		buffer_free(&piece);
		buffer_free(&whole);
		snapshot_unref(snapshot);
	}
}

static void test_abandoned_rendering_leaks_nothing(void **state)
{
	const struct snapshot *snapshot = hand_made_snapshot();

	(void)state;
	for (size_t i = 0; i < n_renderers; i++) {
		struct buffer out = { 0 };
		void *rendering = renderers[i]->begin(snapshot, NULL);

		renderers[i]->end(rendering);
		rendering = renderers[i]->begin(snapshot, NULL);
		renderers[i]->step(rendering, &out);
		renderers[i]->end(rendering);
		buffer_free(&out);
	}
	snapshot_unref(snapshot);
}

static void test_empty_snapshots(void **state)
{
	struct snapshot *none = snapshot_new(), *frame = hand_made_frame();
	const struct snapshot *const both[] = { none, frame };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct buffer text = render(&renderer_text, both[i], NULL);
		struct buffer openmetrics = render(&renderer_openmetrics, both[i], NULL);
		struct buffer protobuf = render(&renderer_protobuf, both[i], NULL);

		assert_int_equal(text.length, 0);
		assert_string_equal(openmetrics.data, "# EOF\n");
		assert_int_equal(protobuf.length, 0);
		buffer_free(&text);
		buffer_free(&openmetrics);
		buffer_free(&protobuf);
	}
	snapshot_unref(none);
	snapshot_unref(frame);
}

static void test_name_filter(void **state)
{
	static const struct {
		const char *asked;
		const char *type_line; /* NULL: nothing is printed */
	} rows[] = {
		{ "machine_cpu_cores", "# TYPE machine_cpu_cores gauge\n" },
		{ "container_cpu_usage_seconds_total",
		  "# TYPE container_cpu_usage_seconds_total counter\n" },
		{ "container_cpu_usage_seconds",
		  "# TYPE container_cpu_usage_seconds_total counter\n" },
		{ "container_cpu_usage", NULL },
		{ "tallyman_build", "# TYPE tallyman_build_info gauge\n" },
		{ "container_memory_failcnt", "# TYPE container_memory_failcnt counter\n" },
		{ "container_network_tcp_usage", NULL }, /* a gauge has no other name */
		{ "tallyman_only_in_api", NULL },
		{ "tallyman_left_out", NULL },
		{ "", NULL },
	};
	const struct snapshot *snapshot = hand_made_snapshot();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const names[] = { "nothing_of_that_name", rows[i].asked };
		struct name_filter filter = { .names = names, .n = 2 };
		struct buffer out = render(&renderer_text, snapshot, &filter);
		const char *type = strstr(out.data, "# TYPE");

		if (!rows[i].type_line) {
			assert_int_equal(out.length, 0);
		} else {
			assert_non_null(type);
			assert_memory_equal(type, rows[i].type_line, strlen(rows[i].type_line));
			assert_null(strstr(type + 1, "# TYPE"));
		}
		buffer_free(&out);
	}
	snapshot_unref(snapshot);
}

static void test_what_is_never_printed(void **state)
{
	static const char *const never[] = { "left_out", "only_in_api", "tallyman_none", "Never" };
	const struct snapshot *snapshot = hand_made_snapshot();

	(void)state;
	for (size_t i = 0; i < n_renderers; i++) {
		struct buffer out = render(renderers[i], snapshot, NULL);

		for (size_t j = 0; j < ARRAY_SIZE(never); j++)
			assert_null(memmem(out.data, out.length, never[j], strlen(never[j])));
		buffer_free(&out);
	}
	snapshot_unref(snapshot);
}

/* Too many lines for text: the family is in protobuf alone. */
static void test_not_in_text(void **state)
{
	struct snapshot *snapshot = hand_made_snapshot();
	struct family *family = &snapshot->families[HAND_LATENCY];

	(void)state;
	for (int not_in_text = 0; not_in_text < 2; not_in_text++) {
		family->not_in_text = not_in_text;
		for (size_t i = 0; i < n_renderers; i++) {
			struct buffer out = render(renderers[i], snapshot, NULL);
			bool found = memmem(out.data, out.length, family->metric->name,
					    strlen(family->metric->name)) != NULL;

			assert_int_equal(found,
					 !not_in_text || streq(renderers[i]->name, "protobuf"));
			buffer_free(&out);
		}
	}
	snapshot_unref(snapshot);
}

static void test_label_values(void **state)
{
	static const struct {
		const char *value, *written;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\"", "\\\"" },
		{ "\\", "\\\\" },
		{ "\n", "\\n" },
		{ "\\n", "\\\\n" },
		{ "\t\r\x01\x1b\x7f", "\t\r\x01\x1b\x7f" },
		{ "\xc3\xa4\xf0\x9f\x90\xb3", "\xc3\xa4\xf0\x9f\x90\xb3" },
		{ "\"\"\"\"\"\"\"\"", "\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer out = { 0 };

		buffer_putc(&out, '<');
		label_value_append(&out, rows[i].value);
		buffer_putc(&out, '\0');
		assert_string_equal(out.data + 1, rows[i].written);
		buffer_free(&out);
	}
}

/* A label of 4,000 bytes, each of which doubles. */
static void test_long_label(void **state)
{
	struct snapshot *snapshot = hand_made_frame();
	static char value[4001];

	(void)state;
	memset(value, '"', sizeof(value) - 1);
	snapshot->workloads[1].path = value;
	hand_made_workload_samples(snapshot, &snapshot->workloads[1]);
	struct buffer out = render(&renderer_text, snapshot, NULL);
	const char *start = strstr(out.data, "id=\"");
	assert_non_null(start);
	assert_int_equal(strspn(start + strlen("id=\""), "\\\""), 8000 + 1);
	buffer_free(&out);
	snapshot_unref(snapshot);
}

/* Gives a rendering to a command's standard input; its exit status, and what it printed. */
static int pipe_through(const char *command, const struct buffer *text, struct buffer *said)
{
	char path[] = "/tmp/tallyman-test-XXXXXX";
	cleanup_close int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text->data, text->length), (ssize_t)text->length);
	char line[512];
	snprintf(line, sizeof(line), "%s 2>&1 <%s", command, path);
	FILE *output = popen(line, "re"); /* NOLINT(cert-env33-c) */
	assert_non_null(output);
	size_t n;
	while ((n = fread(line, 1, sizeof(line), output)) > 0)
		buffer_append(said, line, n);
	buffer_putc(said, '\0');
	int status = pclose(output);
	unlink(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_promtool(void **state)
{
	/* Names that cAdvisor has; promtool's taste differs. Nothing else may be found. */
	static const char *const allowed[] = {
		"container_memory_failcnt counter metrics should have \"_total\" suffix\n",
		"container_network_tcp_usage_total non-counter metrics should not have "
		"\"_total\" suffix\n",
	};
	const struct snapshot *snapshot = hand_made_snapshot();
	struct buffer text = render(&renderer_text, snapshot, NULL), said = { 0 };
	int status = pipe_through("{ promtool=$(command -v promtool) || "
				  "promtool=$(tools/fetch-prometheus 2)/usr/bin/promtool; "
				  "\"$promtool\" check metrics; }",
				  &text, &said);
	size_t expected = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (!strstr(said.data, allowed[i]))
			fail_msg("promtool did not say '%s' but:\n%s", allowed[i], said.data);
		expected += strlen(allowed[i]);
	}
	if (strlen(said.data) != expected || status != 3)
		fail_msg("promtool ended with %d and said:\n%s", status, said.data);
	buffer_free(&said);
	buffer_free(&text);
	snapshot_unref(snapshot);
}

/* Prints every sample as the parser understood it: so escapes and numbers are checked, too. */
static void test_reference_parser(void **state)
{
	const struct snapshot *snapshot = hand_made_snapshot();
	struct buffer text = render(&renderer_openmetrics, snapshot, NULL), said = { 0 };
	struct buffer golden = { 0 };
	int status = pipe_through("/usr/bin/python3 tests/parse_openmetrics.py", &text, &said);

	(void)state;
	if (status != 0)
		fail_msg("the parser ended with %d and said:\n%s", status, said.data);
	if (getenv("UPDATE_GOLDEN")) {
		cleanup_file FILE *file = fopen("tests/golden/hand-made.parsed", "we");

		assert_non_null(file);
		assert_true(fputs(said.data, file) >= 0);
	}
	read_file("tests/golden/hand-made.parsed", &golden);
	assert_string_equal(said.data, golden.data);
	buffer_free(&golden);
	buffer_free(&said);
	buffer_free(&text);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_text),
		cmocka_unit_test(test_golden_openmetrics),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_abandoned_rendering_leaks_nothing),
		cmocka_unit_test(test_empty_snapshots),
		cmocka_unit_test(test_name_filter),
		cmocka_unit_test(test_what_is_never_printed),
		cmocka_unit_test(test_not_in_text),
		cmocka_unit_test(test_label_values),
		cmocka_unit_test(test_long_label),
		cmocka_unit_test(test_promtool),
		cmocka_unit_test(test_reference_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
