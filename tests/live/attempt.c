/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attempt.c - makes system calls as told and says on stderr what came of them.
 *
 *   attempt call NR ARG...     one system call: "= VALUE" or "= ERRNO-NAME"
 *   attempt int80 NR ARG...    the same through the i386 entry (x86-64 only)
 *   attempt thread NR ARG...   the same in a second thread: "thread ended", whatever became of it
 *   attempt trap NR ARG...     with a handler for SIGSYS: "SIGSYS NR"
 *   attempt repeat N NR ARG... N times: the number of calls that failed
 *   attempt without NR CMD...  runs CMD where system call NR fails with ENOSYS
 *   attempt pause NR ARG...    the call once, then sleeps until a signal ends it
 *
 * An ARG is a number, or @TEXT for the address of TEXT below 4 GiB.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "proto/base.h"
#include "proto/record.h"

static long nr, args[6];
static size_t text_used;
static char *text;

static void say(const char *fmt, ...) _printf_(1, 2);

static void say(const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	(void)!write(STDERR_FILENO, buf, (size_t)n);
}

static void say_result(long r, int err)
{
	if (r == -1 && err)
		say("= %s\n", errno_to_name(err) ? errno_to_name(err) : "?");
	else
		say("= %ld\n", r);
}

static long make_call(void)
{
	errno = 0;
	return syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static long make_int80(void)
{
#ifdef __x86_64__
	long r = nr;

	/* ebp carries the sixth argument: five are enough here. */
	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]), "D"(args[4])
			 : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	errno = r < 0 && r >= -4095 ? (int)-r : 0;
	return errno ? -1 : r;
#else
	errno = ENOSYS;
	return -1;
#endif
}

static void *call_in_thread(void *data)
{
	(void)make_call();
	return data;
}

static void trap_cb(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	say("SIGSYS %d\n", info->si_syscall);
}

static void parse_args(int argc, char **argv)
{
	text = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		    0);
	for (int i = 0; i < argc && i < 6; i++) {
		if (argv[i][0] == '@') {
			size_t len = strlen(argv[i]);

			memcpy(text + text_used, argv[i] + 1, len);
			args[i] = (long)(text + text_used);
			text_used += len;
		} else {
			args[i] = (long)strtoull(argv[i], NULL, 0);
		}
	}
}

static int repeat(long n)
{
	long failed = 0;

	for (long i = 0; i < n; i++)
		failed += make_call() == -1;
	say("%ld failed\n", failed);
	return failed != 0;
}

static int run_without(char **command)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(insns), insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return 2;
	execvp(command[0], command);
	return 127;
}

static int attempt(const char *how)
{
	pthread_t t;
	long r;

	if (strcmp(how, "thread") == 0) {
		if (pthread_create(&t, NULL, call_in_thread, NULL) != 0)
			return 2;
		pthread_join(t, NULL);
		say("thread ended\n");
		return 0;
	}
	if (strcmp(how, "trap") == 0) {
		struct sigaction sa = {.sa_sigaction = trap_cb, .sa_flags = SA_SIGINFO};

		sigaction(SIGSYS, &sa, NULL);
	}
	r = strcmp(how, "int80") == 0 ? make_int80() : make_call();
	say_result(r, errno);
	if (strcmp(how, "pause") == 0)
		for (;;)
			pause();
	return 0;
}

int main(int argc, char **argv)
{
	long n = 0;
	int skip = argc > 1 && strcmp(argv[1], "repeat") == 0 ? 3 : 2;

	if (argc <= skip)
		return 2;
	if (skip == 3)
		n = atol(argv[2]);
	nr = strtol(argv[skip], NULL, 0);
	if (strcmp(argv[1], "without") == 0 && argc > 3)
		return run_without(argv + 3);
	parse_args(argc - skip - 1, argv + skip + 1);
	return n > 0 ? repeat(n) : attempt(argv[1]);
}
