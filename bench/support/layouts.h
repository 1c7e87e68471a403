/* SPDX-License-Identifier: Apache-2.0 */
/* How the maps of all probes are laid out on hosts with more CPUs than this one. For bench/probes.c alone. */
#pragma once

struct options;

/* Opens the probes as for so many CPUs and prints what they made. -errno when no maps can be made. */
int layouts_print(const struct options *options);
