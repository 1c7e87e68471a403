/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/web/html.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "collector/cleanup.h"

static const char replacement[] = "\xef\xbf\xbd";

/* U+200E, U+200F, U+202A..U+202E, U+2066..U+2069: a name must not rearrange what stands around it. */
static bool is_direction_mark(const unsigned char *s)
{
	if (s[0] != 0xe2)
		return false;
	return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae))) ||
	       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

void html_text(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buffer_puts(out, "&amp;");
			break;
		case '<':
			buffer_puts(out, "&lt;");
			break;
		case '>':
			buffer_puts(out, "&gt;");
			break;
		case '"':
			buffer_puts(out, "&quot;");
			break;
		case '\'':
			buffer_puts(out, "&#39;");
			break;
		default:
			if ((unsigned char)*text < ' ' || *text == 0x7f) {
				buffer_puts(out, replacement);
			} else if (is_direction_mark((const unsigned char *)text)) {
				buffer_puts(out, replacement);
				text += 2;
			} else {
				buffer_putc(out, *text);
			}
		}
	}
}

void html_bytes(struct buffer *out, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;

	while (bytes >= 1000 && unit + 1 < ARRAY_SIZE(units)) {
		bytes /= 1024;
		unit++;
	}
	bool whole = bytes >= 100 || bytes == floor(bytes);
	buffer_printf(out, "%.*f&nbsp;%s", whole ? 0 : 1, bytes, units[unit]);
}

void html_cores(struct buffer *out, double cores)
{
	int digits = cores == floor(cores) ? 0 : cores < 0.1 ? 3 : cores < 10 ? 2 : 1;

	if (cores > 0 && cores < 0.001)
		buffer_puts(out, "&lt;0.001");
	else
		buffer_printf(out, "%.*f", digits, cores);
}

void html_percent(struct buffer *out, double ratio)
{
	double percent = ratio * 100;

	if (percent > 0 && percent < 0.1)
		buffer_puts(out, "&lt;0.1%");
	else
		buffer_printf(out, "%.*f%%", percent > 0 && percent < 10 ? 1 : 0, percent);
}

void html_count(struct buffer *out, uint64_t count)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buffer_putc(out, ',');
		buffer_putc(out, digits[i]);
	}
}

void html_bar(struct buffer *out, double ratio)
{
	const char *level = ratio >= 0.9 ? "full" : ratio >= 0.75 ? "high" : "calm";
	double width = ratio > 1 ? 100 : ratio > 0 ? ratio * 100 : 0;

	buffer_printf(out,
		      "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" "
		      "aria-hidden=\"true\"><rect class=\"rail\" width=\"100\" height=\"4\"/>"
		      "<rect class=\"%s\" width=\"%.2f\" height=\"4\"/></svg>",
		      level, width);
}
