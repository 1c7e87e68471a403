/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/log.h"

#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/utf8.h"

enum {
	/*
	 * A line of at most PIPE_BUF bytes is written whole or not at all, and does not block once
	 * poll() said that there is room.
	 */
	LINE_BYTES = PIPE_BUF,
	WAIT_MS = 50, /* for a reader that is behind; then the line is dropped and counted */
};

static struct {
	enum log_level level;
	enum log_format format;
	unsigned long dropped; /* lines since the last one that came through */
} state = { .level = LOG_LEVEL_INFO };

/* What is left of a line; written values count with their escapes. */
struct line {
	struct buffer text; /* logfmt */
	json_t *object;	    /* JSON */
	size_t left;
};

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD, as in utf8.c */

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_configure(enum log_level level, enum log_format format)
{
	state.level = level;
	state.format = format;
}

/* Bytes that a character takes in a quoted string: \u001f, \", or itself. */
static size_t escaped_size(const char *s, size_t size)
{
	unsigned char c = (unsigned char)s[0];

	if (c < 0x20 || c == 0x7f)
		return 6;
	return c == '"' || c == '\\' ? 2 : size;
}

/* Valid UTF-8 out of `value`, cut where the line has no more room. */
static void clean(struct buffer *clean, const char *value, size_t *left)
{
	size_t length = strlen(value);

	while (length) {
		size_t size = utf8_sequence(value, value + length), skip = size ? size : 1;
		const char *from = size ? value : replacement;
		size_t cost;

		size = size ? size : strlen(replacement);
		cost = escaped_size(from, size);
		if (cost > *left) {
			*left = 0;
			break;
		}
		*left -= cost;
		buffer_append(clean, from, size);
		value += skip;
		length -= skip;
	}
	buffer_putc(clean, '\0');
	clean->length--;
}

static bool logfmt_is_bare(const struct buffer *value)
{
	for (size_t i = 0; i < value->length; i++) {
		unsigned char c = (unsigned char)value->data[i];

		if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c == 0x7f)
			return false;
	}
	return value->length;
}

static void logfmt_put(struct buffer *text, const char *key, const struct buffer *value)
{
	if (text->length)
		buffer_putc(text, ' ');
	buffer_puts(text, key);
	buffer_putc(text, '=');
	if (logfmt_is_bare(value)) {
		buffer_append(text, value->data, value->length);
		return;
	}
	buffer_putc(text, '"');
	for (size_t i = 0; i < value->length; i++) {
		char c = value->data[i];

		if (c == '\n')
			buffer_puts(text, "\\n");
		else if (c == '\t')
			buffer_puts(text, "\\t");
		else if ((unsigned char)c < 0x20 || c == 0x7f)
			buffer_printf(text, "\\u%04x", (unsigned)c);
		else if (c == '"' || c == '\\')
			buffer_append(text, (char[]){ '\\', c }, 2);
		else
			buffer_putc(text, c);
	}
	buffer_putc(text, '"');
}

static void line_put(struct line *line, const char *key, const char *value)
{
	struct buffer text = { 0 };
	size_t frame = strlen(key) + strlen("\"\":\"\",");

	if (line->left < frame)
		return;
	line->left -= frame;
	clean(&text, value, &line->left);
	if (line->object)
		json_object_set_new_nocheck(line->object, key,
					    json_stringn_nocheck(text.data, text.length));
	else
		logfmt_put(&line->text, key, &text);
	buffer_free(&text);
}

static void line_start(struct line *line, enum log_level level, const char *message)
{
	char seconds[32], stamp[48];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp, sizeof(stamp), "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	line_put(line, "time", stamp);
	line_put(line, "level", level_names[level]);
	line_put(line, "msg", message);
}

/* Nobody may hold up the daemon by not reading its log. */
static void line_write(const struct buffer *text)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pollfd, 1, WAIT_MS) == 1 && pollfd.revents == POLLOUT &&
	    write(STDERR_FILENO, text->data, text->length) == (ssize_t)text->length)
		state.dropped = 0;
	else
		state.dropped++;
}

static void line_finish(struct line *line)
{
	if (line->object) {
		char *dump = json_dumps(line->object, JSON_COMPACT);

		buffer_puts(&line->text, dump ? dump : "{}");
		free(dump);
		json_decref(line->object);
	}
	buffer_putc(&line->text, '\n');
	line_write(&line->text);
	buffer_free(&line->text);
}

void log_write(enum log_level level, const char *message, ...)
{
	struct line line = { .left = LINE_BYTES - strlen("{}\n") };
	const char *key, *value;
	va_list pairs;

	if (level > state.level)
		return;
	if (state.format == LOG_FORMAT_JSON)
		line.object = json_object();
	line_start(&line, level, message);
	if (state.dropped) {
		char dropped[24];

		snprintf(dropped, sizeof(dropped), "%lu", state.dropped);
		line_put(&line, "log_lines_dropped", dropped);
	}
	va_start(pairs, message);
	while ((key = va_arg(pairs, const char *))) {
		value = va_arg(pairs, const char *);
		line_put(&line, key, value ? value : "");
	}
	va_end(pairs);
	line_finish(&line);
}
