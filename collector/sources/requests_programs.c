/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_programs.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "collector/probes/attachment.h"

static const char splices[] = "on_spliced";

/*
 * Whether sockets tell (since 6.3), and of sendfile(), too (since 6.5). Then no other system call on the host has
 * a program to run.
 */
static bool sockets_tell(void)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	const bool tell = kernel &&
			  btf__find_by_name_kind(kernel, "btf_trace_sock_send_length",
						 BTF_KIND_TYPEDEF) > 0 &&
			  btf__find_by_name_kind(kernel, "btf_trace_sock_recv_length",
						 BTF_KIND_TYPEDEF) > 0 &&
			  btf__find_by_name_kind(kernel, "splice_to_socket", BTF_KIND_FUNC) > 0;

	btf__free(kernel);
	return tell;
}

static void choose(const struct bpf_object *object, const char *name, bool wanted)
{
	bpf_program__set_autoload(bpf_object__find_program_by_name(object, name), wanted);
}

void requests_choose(struct bpf_object *object, bool may_tell)
{
	const bool tell = may_tell && sockets_tell();

	choose(object, "on_exit", !tell);
	choose(object, "on_sent", tell);
	choose(object, "on_received", tell);
	choose(object, splices, tell);
	bpf_program__set_autoattach(bpf_object__find_program_by_name(object, splices), false);
}

void requests_see_splices(struct attachment *attachment)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(attachment->object, splices);

	/* At the end of system calls they are seen in any case. */
	if (bpf_program__autoload(program))
		(void)attachment_switch(attachment, program, true);
}
