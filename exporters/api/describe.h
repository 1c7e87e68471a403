/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads as documents. For exporters/api and exporters/web. */
#pragma once

#include <jansson.h>

#include "exporters/api/values.h"

/* Each returns a new reference: the same keys for every workload, null for what is unknown. */
json_t *describe_workload(const struct values *values, const struct workload *workload);
json_t *describe_limits(const struct values *values, const struct workload *workload);
json_t *describe_group(const struct values *values, const struct workload *workload);
/* Identity alone: id, kind, title, path, name, image, namespace, pod, container, runtime. */
json_t *describe_identity(const struct workload *workload);
/*
 * All samples of a workload (NULL: of the host) whose family's name begins with `prefix`: an array
 * of {name, type, unit, labels, value}, and histogram for distributions.
 */
json_t *describe_metrics(const struct snapshot *snapshot, const struct workload *workload,
			 const char *prefix);
