/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text and numbers into HTML. Everything that is not a literal of ours goes through html_text().
 * Owns nothing; for exporters/web.
 */
#pragma once

#include <stdint.h>

#include "collector/buffer.h"
#include "exporters/api/json.h"

/*
 * Appends text with & < > " ' escaped, for content and quoted attributes; control characters, which
 * HTML has no form for, and marks that turn the direction of writing become U+FFFD.
 */
void html_text(struct buffer *out, const char *text);
/* "1.4 GiB", "3.2 kB/s"-like texts for people; never more than four digits. */
void html_bytes(struct buffer *out, double bytes);
void html_cores(struct buffer *out, double cores);
void html_percent(struct buffer *out, double ratio);
/* "12,345" */
void html_count(struct buffer *out, uint64_t count);
/* A bar, filled to `ratio` of its width. */
void html_bar(struct buffer *out, double ratio);
