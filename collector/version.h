/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was built, from what, and with what: for --version, tallyman_build_info and /api/v1/build.
 */
#pragma once

struct version {
	const char *version;  /* "0.1.0" */
	const char *revision; /* git's, with "-dirty" when the tree was; "unknown" without git */
	const char *compiler; /* "gcc 12.2.0" */
	const char *platform; /* "linux/amd64" */
};

extern const struct version tallyman_version;
/* What --version prints, without the last newline; the caller frees it. */
char *version_text(void);
