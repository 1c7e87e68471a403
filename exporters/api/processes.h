/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a workload: never arguments, never environment. For exporters/api. */
#pragma once

#include "exporters/api/call.h"

/* Answers with the processes of the workload that `id` names, or with a problem. */
void api_reply_processes(struct api_call *call, const char *id);
