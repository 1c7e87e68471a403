/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/version.h"

#include "collector/memory.h"

/* The Makefile writes this file, and only when the version or the revision changes. */
#include "collector/version_build.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined(__x86_64__)
#define PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PLATFORM "linux/arm64"
#else
#define PLATFORM "linux/other"
#endif

const struct version tallyman_version = {
	.version = TALLYMAN_VERSION,
	.revision = TALLYMAN_REVISION,
	.compiler = COMPILER,
	.platform = PLATFORM,
};

char *version_text(void)
{
	const struct version *v = &tallyman_version;

	return xasprintf("tallyman, version %s (revision: %s)\n"
			 "  compiler:         %s\n"
			 "  platform:         %s",
			 v->version, v->revision, v->compiler, v->platform);
}
