/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's end of tests/vm/vm.py: one connection is one script. Greets, reads a script until the
 * other side closes its half, runs it, sends back what it prints, and ends with "\n@@RC=<n>\n".
 * Greets first, because QEMU's user network accepts connections before the guest listens.
 * Linked statically: it runs before anything else does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 9999, CHUNK = 65536 };

static void write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = write(fd, data, length);

		if (n < 0)
			_exit(1);
		data += n;
		length -= (size_t)n;
	}
}

/* Scripts are ordinary processes for the OOM killer, whatever systemd made of the agent. */
static void reset_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		write_all(fd, "0", 1);
		close(fd);
	}
}

static void receive(int connection, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	char chunk[CHUNK];
	ssize_t n;

	if (file < 0)
		_exit(1);
	while ((n = read(connection, chunk, sizeof(chunk))) > 0)
		write_all(file, chunk, (size_t)n);
	close(file);
}

static pid_t start(const char *path, int output)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(output, 1);
	dup2(output, 2);
	if (chdir("/root") != 0)
		_exit(127);
	setenv("HOME", "/root", 1);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execl("/bin/bash", "bash", path, (char *)NULL);
	_exit(127);
}

/* Passes the output on until the script has ended; what it left in the background may hold the pipe. */
static int relay(int connection, int output, pid_t pid)
{
	struct pollfd waiting = { .fd = output, .events = POLLIN };
	char chunk[CHUNK];
	int status = 0;

	for (int ended = 0;;) {
		int ready = poll(&waiting, 1, 50);

		if (ready > 0) {
			ssize_t n = read(output, chunk, sizeof(chunk));

			if (n <= 0)
				break;
			write_all(connection, chunk, (size_t)n);
		} else if (ended) {
			return status;
		} else {
			ended = waitpid(pid, &status, WNOHANG) == pid;
		}
	}
	waitpid(pid, &status, 0);
	return status;
}

static void serve(int connection)
{
	char path[64], end[32];
	int output[2];

	setsid();
	reset_oom_score();
	write_all(connection, "@@READY\n", 8);
	snprintf(path, sizeof(path), "/run/agent-%d.sh", (int)getpid());
	receive(connection, path);
	if (pipe2(output, O_CLOEXEC) != 0)
		_exit(1);
	pid_t pid = start(path, output[1]);
	close(output[1]);
	int status = relay(connection, output[0], pid);
	unlink(path);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	write_all(connection, end, (size_t)snprintf(end, sizeof(end), "\n@@RC=%d\n", code));
	_exit(0);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	signal(SIGPIPE, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16)) {
		perror("agent");
		return 1;
	}
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (fork() == 0)
			serve(connection);
		close(connection);
	}
}
