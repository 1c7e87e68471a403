/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets for --web.listen-address, as Go's net.Listen reads it: `host:port`, `:port` (all
 * addresses of both families), `[::1]:port`. Used by main.c only.
 */
#pragma once

#include <stdbool.h>

/*
 * Opens a non-blocking listening socket. -errno with *ret_error (caller frees), one sentence, when
 * that fails; outputs are untouched otherwise.
 */
int listen_open(const char *address, int *ret_fd, char **ret_error);
/* Whether only this host can reach a listening socket. */
bool listen_is_local(int fd);
/* "127.0.0.1:10061": what a socket is bound to; caller frees. */
char *listen_name(int fd);
