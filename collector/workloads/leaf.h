/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last component of a cgroup's path tells about it. Pure; the table of patterns is leaf.c.
 */
#pragma once

#include "collector/snapshot.h"

struct leaf {
	enum workload_kind kind;
	const char *runtime; /* static; "" when the path does not tell */
	const char
		*id; /* the part of `name` that is the container's, pod's or machine's id or name */
	size_t id_length; /* 0: none */
};

/*
 * Kind, runtime and id from a group's name and its parent's path (raw bytes; "" for the root's
 * parent). The leaf decides, never the slice: machine.slice is shared by podman, libvirt and nspawn.
 * leaf.id points into `name`.
 */
struct leaf leaf_recognise(const char *name, const char *parent_path);
/* Undoes systemd's "\xNN" escapes: systemd.unit(5). Result is at most as long; freed by the caller. */
char *leaf_unescape(const char *id, size_t length);
/*
 * What a machine is called: libvirt numbers its own anew at each start ("qemu-7-web", of which systemd's
 * scope has "7-web"). Within `name`, which is all of it for other runtimes.
 */
const char *leaf_machine_name(const char *runtime, const char *name);
