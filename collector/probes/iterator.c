/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "collector/buffer.h"
#include "collector/cleanup.h"

enum { PIECE = 4096 };

static int attach(const struct bpf_program *program, union bpf_iter_link_info *info,
		  struct bpf_link **ret)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = info,
		    .link_info_len = sizeof(*info));
	struct bpf_link *link = bpf_program__attach_iter(program, info ? &options : NULL);

	if (!link)
		return -errno;
	*ret = link;
	return 0;
}

int iterator_attach(const struct bpf_program *program, const struct bpf_map *map,
		    struct bpf_link **ret)
{
	union bpf_iter_link_info info = { 0 };

	if (map)
		info.map.map_fd = (uint32_t)bpf_map__fd(map);
	return attach(program, map ? &info : NULL, ret);
}

int iterator_attach_cgroups(const struct bpf_program *program, int directory, bool below,
			    struct bpf_link **ret)
{
	union bpf_iter_link_info info = {
		.cgroup = { .cgroup_fd = (uint32_t)directory,
			    .order = below ? BPF_CGROUP_ITER_DESCENDANTS_PRE
					   : BPF_CGROUP_ITER_SELF_ONLY },
	};

	return attach(program, &info, ret);
}

int iterator_read(int link, size_t max, struct buffer *buffer)
{
	cleanup_close int fd = bpf_iter_create(link);
	bool cut = false;

	if (fd < 0)
		return -errno;
	buffer->length = 0;
	for (;;) {
		char *to = buffer_reserve(buffer, PIECE);
		ssize_t n = read(fd, to, buffer->capacity - buffer->length);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return cut ? -EFBIG : 0;
		/* Closing it would end the kernel's walk. */
		cut |= (size_t)n > max - buffer->length;
		buffer->length = cut ? 0 : buffer->length + (size_t)n;
	}
}

int iterator_run(int link)
{
	cleanup(buffer_free) struct buffer nothing = { 0 };

	return iterator_read(link, SIZE_MAX, &nothing);
}
