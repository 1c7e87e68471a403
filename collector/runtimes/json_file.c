/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/runtimes/json_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "collector/beneath.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

struct file_stamp file_stamp_of(const struct stat *st)
{
	return (struct file_stamp){ .device = st->st_dev,
				    .inode = st->st_ino,
				    .size = st->st_size,
				    .modified = st->st_mtim,
				    .changed = st->st_ctim };
}

int runtime_file_open(int root_fd, const char *path, enum trust trust, struct file_stamp *ret_stamp)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	cleanup_close int fd =
		open_beneath(root_fd, path, flags, trust == TRUSTED ? FOLLOW_TRUSTED : FOLLOW_NONE);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if (ret_stamp)
		*ret_stamp = file_stamp_of(&st);
	int opened = fd;
	fd = -1; /* the caller's now */
	return opened;
}

DIR *runtime_folder_open(int root_fd, const char *path)
{
	int fd = open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, FOLLOW_TRUSTED);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		errno = -fd;
	else if (!dir)
		close(fd);
	return dir;
}

ssize_t runtime_file_read(int root_fd, const char *path, enum trust trust, size_t max,
			  char **ret_text, struct file_stamp *ret_stamp)
{
	struct file_stamp stamp = { 0 };
	cleanup_close int fd = runtime_file_open(root_fd, path, trust, &stamp);
	size_t length = 0, size = 4096;

	if (fd < 0)
		return fd;
	if ((uint64_t)stamp.size > max)
		return -EFBIG;
	cleanup_free char *text = xmalloc(size);
	for (;;) {
		ssize_t n = read(fd, text + length, size - length - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max) /* it grew while it was read */
			return -EFBIG;
		if (size - length < 1024) {
			size *= 2;
			text = xrealloc(text, size);
		}
	}
	text[length] = '\0';
	*ret_text = text;
	text = NULL; /* the caller's now */
	if (ret_stamp)
		*ret_stamp = stamp;
	return (ssize_t)length;
}

/*
 * How many values a text has at most. jansson takes up to 250 bytes for one, which may be three in the text:
 * a file of 8 MiB would be one of 700 in memory.
 */
static size_t count_values(const char *text, size_t length)
{
	bool quoted = false;
	size_t n = 1;

	for (const char *s = text, *end = text + length; s < end; s++) {
		if (quoted && *s == '\\')
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted)
			n += *s == ',' || *s == '[' || *s == '{';
	}
	return n;
}

int json_text_parse(const char *text, size_t length, enum trust trust, json_t **ret_json)
{
	size_t max = trust == TRUSTED ? RUNTIME_VALUES_MAX : UNTRUSTED_VALUES_MAX;
	json_error_t error;

	if (count_values(text, length) > max)
		return -EFBIG;
	json_t *json = json_loadb(text, length, 0, &error);
	if (!json)
		return -EINVAL;
	*ret_json = json;
	return 0;
}

int json_file_read(int root_fd, const char *path, enum trust trust, json_t **ret_json,
		   struct file_stamp *ret_stamp)
{
	cleanup_free char *text = NULL;
	struct file_stamp stamp;
	size_t max = trust == TRUSTED ? RUNTIME_FILE_MAX : UNTRUSTED_FILE_MAX;
	ssize_t length = runtime_file_read(root_fd, path, trust, max, &text, &stamp);

	if (length < 0)
		return (int)length;
	int err = json_text_parse(text, (size_t)length, trust, ret_json);
	if (err)
		return err;
	if (ret_stamp)
		*ret_stamp = stamp;
	return 0;
}

static const json_t *descend(const json_t *json, va_list keys)
{
	const char *key;

	while (json && (key = va_arg(keys, const char *)))
		json = json_object_get(json, key);
	return json;
}

const json_t *json_at(const json_t *json, ...)
{
	va_list keys;

	va_start(keys, json);
	const json_t *node = descend(json, keys);
	va_end(keys);
	return node;
}

char *json_string_at(const json_t *json, ...)
{
	va_list keys;

	va_start(keys, json);
	const json_t *node = descend(json, keys);
	va_end(keys);
	if (json_string_length(node) == 0)
		return NULL;
	return xstrndup(json_string_value(node), FACT_STRING_MAX);
}

int64_t time_parse_rfc3339(const char *text)
{
	struct tm tm = { 0 };
	int64_t ms = 0, unit = 100;

	if (!text)
		return 0;
	const char *s = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!s)
		return 0;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			ms += (*s - '0') * unit;
	int64_t offset_s = 0;
	if (*s == '+' || *s == '-') {
		struct tm zone = { 0 };
		const char *end = strptime(s + 1, "%H:%M", &zone);

		if (!end || *end)
			return 0;
		offset_s = (zone.tm_hour * 60 + zone.tm_min) * 60 * (*s == '+' ? 1 : -1);
	} else if (*s != 'Z' || s[1]) {
		return 0;
	}
	int64_t seconds = timegm(&tm) - offset_s;
	return seconds > 0 ? seconds * 1000 + ms : 0; /* runtimes write year 1 for "never" */
}

void json_add_labels(const json_t *object, struct facts *facts)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		if (json_is_string(value))
			facts_add_label(facts, name, json_string_value(value));
	}
}

void json_add_environment(const struct runtime_context *context, const json_t *array,
			  struct facts *facts)
{
	const json_t *variable;
	size_t i;

	json_array_foreach((json_t *)array, i, variable)
	{
		if (json_is_string(variable))
			facts_add_variable(context, facts, json_string_value(variable));
	}
}
