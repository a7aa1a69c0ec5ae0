/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * register_bad.c - SOCKET CASE: registers with the daemon as nobody should, and prints what
 * comes of it: "refused: WHY", "ok", "closed" or "silence".
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "proto/message.h"
#include "tests/helpers.h"

#define COMPILE "{\"seccompd\":1,\"request\":\"compile\",\"profile\":\"plain\"}"

static const char *socket_path;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

static int dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		die("connect");
	return fd;
}

static void put(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		perror("send");
}

static void put_fds(int fd, const char *text, const int *fds, size_t n)
{
	if (send_fds(fd, text, fds, n, 0) < 0)
		perror("sendmsg");
}

/* One answer within MS milliseconds. */
static const char *answer(int fd, int ms)
{
	static char text[1100];
	struct message_reader r;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char reason[1024];
	json_t *json = NULL;
	int rc = 0;

	message_reader_init(&r);
	while (rc == 0) {
		if (poll(&pfd, 1, ms) == 0)
			return "silence";
		rc = message_read(&r, fd, &json);
	}
	message_reader_done(&r);
	if (rc < 0)
		return "closed";
	if (message_answer(json, reason, sizeof(reason)) == 0) {
		json_decref(json);
		return "ok";
	}
	json_decref(json);
	(void)snprintf(text, sizeof(text), "refused: %s", reason);
	return text;
}

static const char *send_text(const char *text)
{
	int fd = dial();

	put(fd, text);
	return answer(fd, 2000);
}

static char *state_text(const char *annotations)
{
	static char text[512];

	(void)snprintf(
		text, sizeof(text),
		"{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"metadata\":"
		"\"\",\"state\":{\"id\":\"box\",\"status\":\"creating\",\"bundle\":\"/\"%s}}",
		(int)getpid(), annotations);
	return text;
}

#define PLAIN ",\"annotations\":{\"io.seccompd.profile\":\"plain\"}"

/* A filter that notifies getppid. */
static int load_listener(void)
{
	struct sock_filter insns[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog prog = {ARRAY_SIZE(insns), insns};
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	fd = notif_load(&prog, false);
	if (fd < 0)
		die("seccomp");
	return fd;
}

static const char *state_with(const int *fds, size_t n, const char *before)
{
	int fd = dial();

	if (before) {
		put(fd, before);
		if (strcmp(answer(fd, 2000), "ok") != 0)
			return "not compiled";
	}
	if (n > 0)
		put_fds(fd, state_text(PLAIN), fds, n);
	else
		put(fd, state_text(PLAIN));
	return answer(fd, 2000);
}

static const char *garbage(void)
{
	return send_text("GET / HTTP/1.1\r\n\r\n");
}

static const char *binary(void)
{
	return send_text("{\x01\xff\xfe}");
}

static const char *array(void)
{
	return send_text("[1]");
}

static const char *version(void)
{
	return send_text("{\"seccompd\":2,\"request\":\"compile\"}");
}

static const char *unknown(void)
{
	return send_text("{\"seccompd\":1,\"request\":\"approve\"}");
}

static const char *types(void)
{
	return send_text("{\"seccompd\":1,\"request\":\"compile\",\"profile\":{}}");
}

static const char *no_profile(void)
{
	return send_text("{\"seccompd\":1,\"request\":\"compile\",\"profile\":\"no-such\"}");
}

static const char *path_profile(void)
{
	return send_text("{\"seccompd\":1,\"request\":\"compile\",\"profile\":\"../plain\"}");
}

static const char *control_characters(void)
{
	return send_text("{\"seccompd\":1,\"request\":\"\\u001b[31m\\nFAKE\"}");
}

/* Half a message, then silence. */
static const char *half(void)
{
	int fd = dial();

	put(fd, "{\"seccompd\":1,\"requ");
	return answer(fd, 1000 * (MESSAGE_DEADLINE_S + 3));
}

/* A byte now and then does not put the deadline off. */
static const char *dribble(void)
{
	int fd = dial();
	const char *a = "silence";

	put(fd, "{");
	for (int i = 0; i < 2 * (MESSAGE_DEADLINE_S + 3) && strcmp(a, "silence") == 0; i++) {
		put(fd, " ");
		a = answer(fd, 500);
	}
	return a;
}

/* Who has not begun may take his time. */
static const char *idle(void)
{
	return answer(dial(), 1000 * (MESSAGE_DEADLINE_S + 2));
}

static const char *compiled_then_silence(void)
{
	int fd = dial();

	put(fd, COMPILE);
	if (strcmp(answer(fd, 2000), "ok") != 0)
		return "not compiled";
	return answer(fd, 1000 * (MESSAGE_DEADLINE_S + 3));
}

/* 64 MB of JSON. */
static const char *huge(void)
{
	static char chunk[1 << 20];
	int fd = dial();

	memset(chunk, 'a', sizeof(chunk));
	put(fd, "{\"a\":\"");
	for (int i = 0; i < 64; i++)
		if (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0)
			break;
	return answer(fd, 2000);
}

static const char *no_descriptor(void)
{
	return state_with(NULL, 0, NULL);
}

static const char *no_descriptor_compiled(void)
{
	return state_with(NULL, 0, COMPILE);
}

static const char *pipe_end(void)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		die("pipe");
	return state_with(p, 1, COMPILE);
}

static const char *two_descriptors(void)
{
	int fds[2] = {load_listener(), STDIN_FILENO};

	return state_with(fds, 2, COMPILE);
}

static const char *many_descriptors(void)
{
	int fds[253];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = STDIN_FILENO;
	return state_with(fds, ARRAY_SIZE(fds), NULL);
}

static const char *compile_with_descriptor(void)
{
	int fd = dial(), in = STDIN_FILENO;

	put_fds(fd, COMPILE, &in, 1);
	return answer(fd, 2000);
}

static const char *compile_twice(void)
{
	int fd = dial();

	put(fd, COMPILE);
	if (strcmp(answer(fd, 2000), "ok") != 0)
		return "not compiled";
	put(fd, COMPILE);
	return answer(fd, 2000);
}

static const char *tcp_pair(int *ret_fd, int *ret_peer)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (struct sockaddr *)&a, len) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) < 0 ||
	    connect(*ret_fd, (struct sockaddr *)&a, len) < 0)
		return "no loopback";
	*ret_peer = accept(l, NULL, NULL);
	return *ret_peer < 0 ? "no loopback" : NULL;
}

/* A socket whose close(2) waits a minute for a peer that does not read: not in the daemon's way.
 * The descriptor must be the last of its socket, so that its close is the one that waits. */
static const char *lingering(void)
{
	struct linger linger = {1, 60};
	static char data[1 << 16];
	const char *why;
	int fd, peer, conn = dial();

	why = tcp_pair(&fd, &peer);
	if (why)
		return why;
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0) {}
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	/* In flight, so that the kernel does not wait here. */
	put_fds(conn, "{", &fd, 1);
	close_fd(fd);
	usleep(100000);
	put(conn, "]}");
	(void)answer(conn, 2000);
	usleep(100000);
	return send_text(COMPILE);
}

static const char *oci(void)
{
	int fd = load_listener();
	const char *a = state_with(&fd, 1, NULL);

	close_fd(fd);
	/* The daemon decides it: without one this is ENOSYS. */
	return syscall(SYS_getppid) > 0 ? a : "not supervised";
}

static const char *oci_no_profile(void)
{
	int fd = load_listener(), conn = dial();

	put_fds(conn, state_text(",\"annotations\":{\"io.seccompd.profile\":\"no-such\"}"), &fd, 1);
	return answer(conn, 2000);
}

/* A process that dies at step STEP, at a moment of its own. */
static void die_at(int step, unsigned us)
{
	pid_t pid = fork();
	int fd, listener;

	if (pid < 0)
		die("fork");
	if (pid > 0) {
		usleep(us);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return;
	}
	fd = dial();
	if (step > 0)
		put(fd, step == 1 ? "{\"seccompd\":1," : COMPILE);
	if (step > 2)
		(void)answer(fd, 2000);
	if (step > 3) {
		listener = load_listener();
		put_fds(fd, state_text(PLAIN), &listener, 1);
		close_fd(listener);
	}
	if (step > 4)
		(void)syscall(SYS_getppid);
	for (;;)
		(void)pause();
}

static const char *dying(void)
{
	for (int step = 0; step < 6; step++)
		for (unsigned i = 0; i < 20; i++)
			die_at(step, 200 * i);
	return send_text(COMPILE);
}

/* So many connections of one user; how many are left alone? */
static const char *crowd(void)
{
	static char text[64];
	int fds[100], refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = dial();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		refused += strncmp(answer(fds[i], 20), "refused: this user has", 22) == 0;
	(void)snprintf(text, sizeof(text), "%d refused", refused);
	return text;
}

/* Connections that say nothing, until one of them is sent away: is it the oldest? */
static const char *squat(void)
{
	struct pollfd pfds[7];
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(pfds); i++)
		pfds[i] = (struct pollfd){.fd = dial(), .events = POLLIN};
	n = poll(pfds, ARRAY_SIZE(pfds), 10000);
	if (n <= 0)
		return "silence";
	return n == 1 && pfds[0].revents ? answer(pfds[0].fd, 1000) : "not the oldest alone";
}

static const struct {
	const char *name;
	const char *(*fn)(void);
} cases[] = {
	{"garbage", garbage},
	{"binary", binary},
	{"array", array},
	{"version", version},
	{"unknown", unknown},
	{"types", types},
	{"no-profile", no_profile},
	{"path-profile", path_profile},
	{"control-characters", control_characters},
	{"half", half},
	{"dribble", dribble},
	{"idle", idle},
	{"compiled-then-silence", compiled_then_silence},
	{"huge", huge},
	{"no-descriptor", no_descriptor},
	{"no-descriptor-compiled", no_descriptor_compiled},
	{"pipe", pipe_end},
	{"two-descriptors", two_descriptors},
	{"many-descriptors", many_descriptors},
	{"compile-with-descriptor", compile_with_descriptor},
	{"compile-twice", compile_twice},
	{"lingering", lingering},
	{"oci", oci},
	{"oci-no-profile", oci_no_profile},
	{"dying", dying},
	{"crowd", crowd},
	{"squat", squat},
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 99;
	socket_path = argv[1];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (strcmp(argv[2], cases[i].name) == 0) {
			(void)puts(cases[i].fn());
			return 0;
		}
	}
	return 99;
}
