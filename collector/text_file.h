/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a file that an administrator has named: a configuration, a certificate. Whatever stands
 * there, it neither blocks nor takes much memory.
 */
#pragma once

#include "collector/buffer.h"

/*
 * Appends the file's content, followed by a NUL behind its length. -errno with *ret_reason (static):
 * it is no regular file (a FIFO would wait for its writer), larger than 1 MiB, or cannot be read.
 */
int text_file_read(const char *path, struct buffer *text, const char **ret_reason);
