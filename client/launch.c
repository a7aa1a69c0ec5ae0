/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * launch.c - from a connected socket to the command: program, filter, listener, exec.
 *
 * Theory of operation. From the moment the filter is loaded until the supervisor listens, a
 * system call of the filtered thread may wait for ever: nobody is there to decide it. Where the
 * filter itself lets all through that is still to be done (plain.h), as most do, the thread goes on
 * as if nothing were. Where it does not, the listener is handed over by a second thread, which was
 * started before and which the filter, loaded without TSYNC, does not bind; it shares the
 * descriptors, and exec makes it vanish.
 *
 *      main thread                              helper thread
 *      gets and checks the program
 *      starts the helper  ------------------->  waits at the gate
 *      seccomp(2), stores `listener`
 *      comes to the gate: no system call        sends the listener, awaits the answer
 *                                               refused: exit_group(125)
 *      execve(2)          <-------------------  opens the gate
 *      failed: stores `exec_error`, spins       finds `exec_error`: exit_group(126, 127)
 *      succeeded: the helper is gone
 *
 * With a helper the main thread makes no system call but execve(2) after seccomp(2): no allocation,
 * no stdio, no lock, no first use of a function of a shared library. Not even exit_group(2), which
 * the profile may refuse: where something is to be said or the process to be ended, the helper does
 * it.
 */
#include "client/launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "client/gate.h"
#include "client/plain.h"
#include "client/priority.h"
#include "client/resolve.h"
#include "proto/base.h"
#include "proto/clock.h"
#include "proto/message.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ANSWER_TIMEOUT_MS 10000
#define HELPER_STACK	  (256 * 1024)
#define SEALS		  (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#define SLICE_NS 100000

#define EXEC_PRETENDED (-1) /* execve(2) said that it succeeded, and did not */

struct program {
	struct sock_fprog prog;
	struct sock_filter *insns;
	char profile[256];
	bool killable;
};

/* A launch, and what its two threads share. */
struct handover {
	sem_t awake;	   /* the helper runs; used where the gate spins */
	struct gate *gate; /* NULL: no helper is needed */
	_Atomic int exec_error;
	int listener; /* set before the main thread comes to the gate */
	const struct options *options;
	const struct program *program;
	char **paths;
	int sock;
	pid_t main_tid;
	bool lowered;
	struct priority priority;
	struct message_reader reader;
	json_t *state; /* the message, made beforehand */
};

/* ---- before the filter ------------------------------------------------------------- */

/* One answer within the time. 0; -EACCES: refused; other -errno. REASON says it in any case. */
static int await_answer(struct message_reader *r, int sock, json_t **ret, char *reason, size_t size)
{
	int64_t end = now_us() / 1000 + ANSWER_TIMEOUT_MS, left;
	struct pollfd pfd = {.fd = sock, .events = POLLIN};
	int n, rc = 0;

	do {
		left = end - now_us() / 1000;
		n = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (n > 0)
			rc = message_read(r, sock, ret);
	} while ((n < 0 && errno == EINTR) ||
		 (n > 0 && (rc == 0 || rc == -EINTR || rc == -EAGAIN)));
	if (n == 0) {
		(void)snprintf(reason, size, "no answer within %d seconds",
			       ANSWER_TIMEOUT_MS / 1000);
		return -ETIMEDOUT;
	}
	if (n < 0 || rc < 0) {
		rc = n < 0 ? -errno : rc;
		if (rc == -ECONNRESET)
			(void)snprintf(reason, size, "it closed the connection");
		else
			(void)snprintf(reason, size, "the answer cannot be read: %s",
				       strerror(-rc));
		return rc;
	}
	return message_answer(*ret, reason, size);
}

/* Consumes REQUEST. 0 or -errno, all was said. */
static int request(int sock, json_t *request, int pass)
{
	int rc = request ? message_send(sock, request, pass) : -ENOMEM;

	json_decref(request);
	/* Who hangs up early may have said why: the answer is read. */
	if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
		return 0;
	say("the supervisor failed: cannot send: %s", strerror(-rc));
	return rc;
}

static void say_no_answer(int rc, const char *reason)
{
	say("%s: %s", rc == -EACCES ? "the supervisor refuses" : "the supervisor failed", reason);
}

static int read_program(int fd, struct program *p)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	size_t size, n;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
		return -EPROTO;
	if (st.st_size <= 0 || st.st_size % (off_t)sizeof(struct sock_filter) != 0 ||
	    st.st_size > (off_t)(BPF_MAXINSNS * sizeof(struct sock_filter)))
		return -EPROTO;
	size = (size_t)st.st_size;
	p->insns = malloc(size);
	if (!p->insns)
		return -ENOMEM;
	for (n = 0; n < size;) {
		ssize_t got = pread(fd, (char *)p->insns + n, size - n, (off_t)n);

		if (got <= 0)
			return got < 0 ? -errno : -EPROTO;
		n += (size_t)got;
	}
	p->prog.len = (unsigned short)(size / sizeof(struct sock_filter));
	p->prog.filter = p->insns;
	return 0;
}

/* The program of the profile, from the supervisor. 0 or -errno, all was said. */
static int get_program(struct handover *h, struct program *p)
{
	_cleanup_close_ int fd = -1;
	json_t *answer = NULL;
	const char *name;
	char reason[1024];
	int rc;

	rc = await_answer(&h->reader, h->sock, &answer, reason, sizeof(reason));
	if (rc == 0) {
		fd = message_take_fd(&h->reader);
		rc = fd < 0 ? -EPROTO : read_program(fd, p);
		(void)snprintf(reason, sizeof(reason), "the program cannot be used: %s",
			       strerror(-rc));
	}
	if (rc == 0) {
		name = json_string_value(json_object_get(answer, "profile"));
		(void)snprintf(p->profile, sizeof(p->profile), "%s", name ? name : "");
		p->killable = json_is_true(json_object_get(answer, "wait_killable"));
	}
	json_decref(answer);
	if (rc < 0)
		say_no_answer(rc, reason);
	return rc;
}

/* seccomp(2) wants one of the two. */
static int set_privileges(const struct options *o)
{
	if (o->allow_new_privs && priority_capable(CAP_SYS_ADMIN))
		return 0;
	if (o->allow_new_privs) {
		say("--allow-new-privs needs the capability CAP_SYS_ADMIN");
		return -EPERM;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		say("cannot set no_new_privs: %s", strerror(errno));
		return -EPERM;
	}
	return 0;
}

/* ---- filter loaded: what it does not bind, or the helper thread ------------------------ */

static void sleep_us(long us)
{
	struct timespec ts = {.tv_nsec = us * 1000};

	(void)nanosleep(&ts, NULL);
}

/* A main thread that spins cannot come along: nothing that would wait for it is run. */
static _Noreturn void end_process(int status)
{
	(void)fflush(stderr);
	_exit(status);
}

static void hand_over(struct handover *h, int listener)
{
	json_t *answer = NULL;
	char reason[1024];
	int rc;

	if (request(h->sock, TAKE_PTR(h->state), listener) < 0)
		end_process(EXIT_LAUNCHER);
	rc = await_answer(&h->reader, h->sock, &answer, reason, sizeof(reason));
	json_decref(answer);
	/* A copy of ours would keep calls waiting where the supervisor is gone. */
	close_fd(listener);
	if (rc < 0) {
		say_no_answer(rc, reason);
		end_process(EXIT_LAUNCHER);
	}
}

/* Has the filter killed the main thread alone (kill-thread)? */
static bool main_thread_is_dead(const struct handover *h)
{
	_cleanup_close_ int fd = -1;
	char path[64], buf[512];
	const char *end;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)h->main_tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	end = strrchr(buf, ')');
	return end && (strncmp(end, ") Z", 3) == 0 || strncmp(end, ") X", 3) == 0);
}

/* As the kernel would end a process whose only thread did what is not allowed. */
static _Noreturn void die_as_killed(void)
{
	sigset_t set;

	(void)signal(SIGSYS, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGSYS);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(SIGSYS);
	_exit(EXIT_NOT_EXECUTABLE);
}

/* Could execve(2) have failed like this with no filter? The helper may look, it has none. */
static bool is_profiles_doing(const struct handover *h, int err)
{
	struct stat st;

	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENOEXEC:
	case E2BIG:
	case ETXTBSY:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOMEM:
	case EIO:
	case ELIBBAD:
		return false;
	case EACCES:
		for (char **p = h->paths; *p; p++)
			if (stat(*p, &st) == 0 && S_ISREG(st.st_mode) && access(*p, X_OK) == 0)
				return true;
		return false;
	default:
		return true;
	}
}

static _Noreturn void report_exec(const struct handover *h, int err)
{
	const char *command = h->options->command[0];

	if (err == EXEC_PRETENDED)
		say("cannot execute %s: profile %s lets execve return without doing anything",
		    command, h->program->profile);
	else if (err == ENOSYS)
		say("cannot execute %s: the supervisor went away (or refuses execve with ENOSYS)",
		    command);
	else if (is_profiles_doing(h, err))
		say("cannot execute %s: %s; profile %s seems to refuse execve", command,
		    strerror(err), h->program->profile);
	else
		say("cannot execute %s: %s", command, strerror(err));
	end_process(err == ENOENT || err == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static _Noreturn void watch_exec(const struct handover *h)
{
	int err;

	/* Ends with the exec, which may wait long for its decision. */
	for (unsigned i = 0;; i++) {
		err = atomic_load(&h->exec_error);
		if (err != 0)
			report_exec(h, err);
		if (i >= 50 && main_thread_is_dead(h))
			die_as_killed();
		sleep_us(i < 50 ? 1000 : 10000);
	}
}

/* Where the gate spins, every moment that the helper waits for a CPU is spun away: short slices
 * (Linux 6.12) let it run at once where it wakes up beside the spinner, and exact timers wake it up
 * in time. */
static void be_quick(void)
{
	struct priority p = {.size = sizeof(p), .policy = SCHED_OTHER, .runtime = SLICE_NS};

	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	p.nice = getpriority(PRIO_PROCESS, 0);
	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)priority_restore(&p, 0);
}

static void *helper_thread(void *data)
{
	struct handover *h = data;
	int rc;

	if (gate_spins(h->gate)) {
		be_quick();
		(void)sem_post(&h->awake);
	}
	gate_await(h->gate);
	hand_over(h, h->listener);
	rc = h->lowered ? priority_restore(&h->priority, h->main_tid) : 0;
	if (rc < 0) {
		say("cannot restore the scheduling policy: %s", strerror(-rc));
		end_process(EXIT_LAUNCHER);
	}
	rc = gate_open(h->gate);
	if (rc < 0) {
		say("cannot let the command go: %s", strerror(-rc));
		end_process(EXIT_LAUNCHER);
	}
	watch_exec(h);
}

/*
 * glibc's first pthread_create() handles and unblocks its two internal signals; the command is to
 * find all as the launcher found it. So these go past the library.
 */
struct signals {
	uint64_t mask;
	struct {
		unsigned char kernel_sigaction[64];
	} internal[2];
};
#define INTERNAL_SIGNAL 32
#define KERNEL_SIGSET	sizeof(uint64_t)

static void signals_save(struct signals *s)
{
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &s->mask, KERNEL_SIGSET);
	for (int i = 0; i < 2; i++)
		(void)syscall(SYS_rt_sigaction, INTERNAL_SIGNAL + i, NULL, &s->internal[i],
			      KERNEL_SIGSET);
}

static void signals_restore(const struct signals *s)
{
	for (int i = 0; i < 2; i++)
		(void)syscall(SYS_rt_sigaction, INTERNAL_SIGNAL + i, &s->internal[i], NULL,
			      KERNEL_SIGSET);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, NULL, KERNEL_SIGSET);
}

static int start_helper(struct handover *h)
{
	struct signals saved;
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	int err;

	err = pthread_attr_init(&attr);
	if (err != 0)
		return -err;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, HELPER_STACK);
	signals_save(&saved);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
	err = pthread_create(&thread, &attr, helper_thread, h);
	signals_restore(&saved);
	(void)pthread_attr_destroy(&attr);
	/* A new thread starts on the CPU of its maker, and would wait there for the end of the
	 * slice that its maker is about to spin away. */
	while (err == 0 && gate_spins(h->gate) && sem_wait(&h->awake) < 0)
		;
	return -err;
}

/* ---- main thread, filter loaded ------------------------------------------------------- */

/*
 * Loads the filter and never comes back where that worked. Only syscall() of the library is used,
 * which has been bound by then: even looking a symbol up could take a lock.
 */
static int load_and_exec(struct handover *h)
{
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	char **argv = h->options->command, **envp = environ, **paths = h->paths;
	const struct sock_fprog *prog = &h->program->prog;
	bool denied = false;
	int err = ENOENT;
	long r;

	if (h->program->killable)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (r < 0)
		return -errno;
	h->listener = (int)r;
	if (h->gate)
		gate_pass(h->gate); /* no system call from here on */
	else
		hand_over(h, h->listener);
	for (; *paths; paths++) {
		r = syscall(SYS_execve, *paths, argv, envp);
		err = r < 0 ? errno : EXEC_PRETENDED;
		/* As execvp(3): go on looking where this one was not there or not for us. */
		denied = denied || err == EACCES;
		if (err != ENOENT && err != ENOTDIR && err != EACCES && err != ESTALE &&
		    err != ENODEV && err != ETIMEDOUT)
			break;
	}
	if (denied && (err == ENOENT || err == ENOTDIR))
		err = EACCES;
	if (!h->gate)
		report_exec(h, err);
	atomic_store(&h->exec_error, err);
	gate_stay();
}

static void say_not_loaded(int rc)
{
	switch (rc) {
	case -EBUSY:
		say("a supervisor listens already for a filter of this process; only one can");
		break;
	case -EACCES:
		say("the kernel wants no_new_privs or CAP_SYS_ADMIN for a filter");
		break;
	case -EINVAL:
	case -ENOSYS:
		say("the kernel does not take the program of the profile: %s", strerror(-rc));
		break;
	default:
		say("cannot load the filter: %s", strerror(-rc));
	}
}

/* 0, or an exit status, all was said. */
static int prepare_helper(struct handover *h)
{
	int rc;

	h->gate = gate_new();
	if (!h->gate) {
		say("out of memory");
		return EXIT_LAUNCHER;
	}
	rc = gate_spins(h->gate) ? priority_lower(&h->priority) : 0;
	if (rc < 0) {
		say("a real-time policy on a single CPU would starve the supervisor, and could "
		    "not be put back after it was put off: CAP_SYS_NICE or RLIMIT_RTPRIO is "
		    "needed");
		return EXIT_LAUNCHER;
	}
	h->lowered = rc > 0;
	/* Two threads, and one of them allocates: an arena for each costs more than it gives. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)sem_init(&h->awake, 0, 0);
	h->main_tid = (pid_t)syscall(SYS_gettid);
	rc = start_helper(h);
	if (rc < 0) {
		say("cannot start a thread: %s", strerror(-rc));
		return EXIT_LAUNCHER;
	}
	return 0;
}

static json_t *make_state(const char *command)
{
	const char *slash = strrchr(command, '/');
	json_t *state = message_state(slash && slash[1] ? slash + 1 : command, getpid(), ".", NULL);

	/* A name need not be UTF-8. */
	return state ? state : message_state("command", getpid(), ".", NULL);
}

/* All that can be done before the program is there. 0, or an exit status, all was said. */
static int prepare(struct handover *h)
{
	const char *command = h->options->command[0];
	int rc;

	h->state = make_state(command);
	if (!h->state) {
		say("out of memory");
		return EXIT_LAUNCHER;
	}
	rc = resolve_command(command, &h->paths);
	if (rc < 0) {
		say("%s: %s", command, rc == -ENOENT ? "command not found" : strerror(-rc));
		return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_LAUNCHER;
	}
	return 0;
}

int launch(const struct options *o, int sock)
{
	/* The helper thread may outlive the call by a moment. */
	static struct handover h;
	static struct program program;
	int rc;

	h.options = o;
	h.program = &program;
	h.sock = sock;
	message_reader_init(&h.reader);
	/* The supervisor works while we do. */
	if (request(sock, message_compile(o->profile, o->label_keys, o->label_values, o->n_labels),
		    -1) < 0)
		return EXIT_LAUNCHER;
	rc = prepare(&h);
	if (rc > 0)
		return rc;
	if (get_program(&h, &program) < 0 || set_privileges(o) < 0)
		return EXIT_LAUNCHER;
	if (!plain_program(&program.prog)) {
		rc = prepare_helper(&h);
		if (rc > 0)
			return rc;
	}
	say_not_loaded(load_and_exec(&h));
	return EXIT_LAUNCHER;
}
