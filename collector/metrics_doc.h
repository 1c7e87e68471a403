/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of all metrics, from the rows of all sources. */
#pragma once

/* METRICS.md without its last newline; the caller frees it. */
char *metrics_doc(void);
