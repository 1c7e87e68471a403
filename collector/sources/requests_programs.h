/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs of bpf/requests.bpf.c see what sockets move. */
#pragma once

#include <stdbool.h>

struct attachment;
struct bpf_object;

/*
 * Before it is loaded: programs where sockets have moved bytes if the kernel has such places and `may_tell`, else one
 * at the end of each system call.
 */
void requests_choose(struct bpf_object *object, bool may_tell);
/* What is spliced from sockets is seen from now on, if it was not. It costs each read something. */
void requests_see_splices(struct attachment *attachment);
