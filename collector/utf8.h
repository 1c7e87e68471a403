/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that a container chose, made fit for a label. Pure; may be used by everyone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A copy of `length` bytes that is valid UTF-8 and at most `max` bytes long: each invalid byte becomes
 * U+FFFD (RFC 3629; "maximal subpart" is not attempted). What had such bytes, or is too long, ends in
 * "~" and 16 hex digits of a hash of the whole, so that two names stay two. NUL-terminated, freed by the caller.
 * `max` is at least 32. *ret_shortened (may be NULL) tells whether it was cut.
 */
char *utf8_clean(const char *bytes, size_t length, size_t max, bool *ret_shortened);
/* Length in bytes (1 to 4) of the valid UTF-8 sequence at `s`, or 0; `end` is one past the last byte. */
size_t utf8_sequence(const char *s, const char *end);
