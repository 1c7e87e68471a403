/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/cleanup.h"

enum { FILE_BYTES = 1 << 20, STEP = 16384 };

static int refuse(int err, const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return err;
}

int text_file_read(const char *path, struct buffer *text, const char **ret_reason)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat stat_of;
	size_t length = 0;

	if (fd < 0 || fstat(fd, &stat_of) < 0)
		return refuse(-errno, strerror(errno), ret_reason);
	if (!S_ISREG(stat_of.st_mode))
		return refuse(-EINVAL, "not a regular file", ret_reason);
	if (stat_of.st_size > FILE_BYTES)
		return refuse(-EFBIG, "larger than 1 MiB", ret_reason);
	/* At once: what may be a key is not left behind in memory that has been given back. */
	(void)buffer_reserve(text, (size_t)stat_of.st_size + 2 * STEP);
	for (;;) {
		ssize_t n = read(fd, buffer_reserve(text, STEP), STEP);

		if (n < 0)
			return refuse(-errno, strerror(errno), ret_reason);
		if (!n)
			break;
		text->length += (size_t)n;
		length += (size_t)n;
		if (length > FILE_BYTES) /* it grew, or has no size: proc(5) */
			return refuse(-EFBIG, "larger than 1 MiB", ret_reason);
	}
	*buffer_reserve(text, 1) = '\0';
	return 0;
}
