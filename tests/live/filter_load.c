/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter_load.c - the kernel takes the programs that we make, and returns what filter_run() says
 *
 * Random filters are loaded in children. A filter may forbid a child everything, its exit too,
 * so a child tells its results through shared memory, makes no further call, and is killed. A
 * notification without a listener is ENOSYS.
 */
#include <inttypes.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/filter.h"
#include "tests/sim/generate.h"

#define SEED	   20261124
#define PROFILES   200
#define CALLS	   40
#define DEADLINE_S 20

/* What parent and child share. */
struct shared {
	_Atomic int stage; /* of the child */
	int load_errno;
	unsigned n_calls;
	struct generated_call calls[CALLS];
	bool make[CALLS];
	long before[CALLS], after[CALLS]; /* -errno or the result */
};
enum { STAGE_START, STAGE_LOADED, STAGE_DONE };

struct counts {
	unsigned loaded, compared, killed, int80;
};

/* ---- child ------------------------------------------------------------------------ */

#ifdef __x86_64__
/* int 0x80 from 64-bit code: the registers are cut to 32 bits. */
static long call_i386(int32_t nr, const uint64_t a[6])
{
	long ret;

	/* The sixth argument's register is the frame pointer: not passed, so it is not known. */
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"((long)nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return (int32_t)ret;
}

static long call_native(int32_t nr, const uint64_t a[6])
{
	register long r10 __asm__("r10") = (long)a[3];
	register long r8 __asm__("r8") = (long)a[4];
	register long r9 __asm__("r9") = (long)a[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((long)nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static long make_call(const struct generated_call *c)
{
	return c->arch == AUDIT_ARCH_I386 ? call_i386(c->nr, c->args) : call_native(c->nr, c->args);
}
#else
static long make_call(const struct generated_call *c)
{
	(void)c;
	return 0;
}
#endif

static _Noreturn void child(struct shared *s, const struct filter *f)
{
	struct sock_fprog prog = {.len = (unsigned short)f->n, .filter = f->insns};
	const struct rlimit no_core = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < s->n_calls; i++) {
		if (s->make[i] && s->calls[i].arch != AUDIT_ARCH_I386)
			s->before[i] = make_call(&s->calls[i]);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		s->load_errno = errno;
	s->stage = STAGE_LOADED;
	for (unsigned i = 0; i < s->n_calls && s->load_errno == 0; i++) {
		if (s->make[i])
			s->after[i] = make_call(&s->calls[i]);
	}
	s->stage = STAGE_DONE;
	for (;;)
		;
}

/* ---- parent ------------------------------------------------------------------------- */

/* The child's wait status once it is done or dead. */
static int run_child(struct shared *s, const struct filter *f)
{
	time_t end = time(NULL) + DEADLINE_S;
	int status;
	pid_t pid;

	s->stage = STAGE_START;
	s->load_errno = 0;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0)
		child(s, f);
	while (s->stage != STAGE_DONE && time(NULL) < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		(void)sched_yield();
	}
	(void)kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The wanted result of a call that was answered RET and BEFORE there was a filter, or false where
 * it ends the process. */
static bool wanted_result(uint32_t ret, long before, long *wanted)
{
	switch (ret & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		*wanted = before;
		return true;
	case SECCOMP_RET_ERRNO:
		*wanted = -(long)(ret & SECCOMP_RET_DATA);
		return true;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		*wanted = -ENOSYS;
		return true;
	default:
		return false;
	}
}

static struct profile *next_profile(struct generator *g, struct filter *f)
{
	for (;;) {
		struct profile *p = generate_profile(g);
		struct view *v = view_new(p, NULL);
		bool good = v && filter_compile(v, f, NULL, 0) == 0;

		view_free(v);
		if (good)
			return p;
		profile_unref(p);
	}
}

static bool fail(uint64_t seed, unsigned i, const struct shared *s, uint32_t ret, long wanted)
{
	const struct generated_call *c = &s->calls[i];

	printf("# seed %" PRIu64 ": call arch %#x nr %#x(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64
	       ", ...): the program says %#x, wanted %ld, got %ld\n",
	       seed, c->arch, (unsigned)c->nr, c->args[0], c->args[1], c->args[2], ret, wanted,
	       s->after[i]);
	return false;
}

/* ---- all kinds: loading, and one getpid(2) ---------------------------------------------- */

static bool check_load(uint64_t seed, struct shared *s, struct counts *n)
{
	struct generator g = {.state = seed, .huge = seed % 20 == 0};
	struct filter f;
	struct profile *p = next_profile(&g, &f);
	long wanted = 0;
	uint32_t ret;
	int status;
	bool good;

	generate_call(&g, p, &s->calls[0]);
	s->calls[0].arch = arch_audit(arch_native());
	s->calls[0].nr = SYS_getpid;
	s->n_calls = 1;
	s->make[0] = arch_native() == ARCH_X86_64;
	ret = filter_run(&f, s->calls[0].arch, s->calls[0].nr, s->calls[0].args, 0);
	status = run_child(s, &f);
	good = s->load_errno == 0 && s->stage >= STAGE_LOADED;
	if (!good)
		printf("# seed %" PRIu64 ": the kernel refused %zu instructions: %s\n", seed, f.n,
		       strerror(s->load_errno));
	n->loaded += good;
	if (good && s->make[0] && !wanted_result(ret, 0, &wanted)) {
		good = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		n->killed += good;
		if (!good)
			fail(seed, 0, s, ret, -1);
	}
	filter_done(&f);
	profile_unref(p);
	return good;
}

/* ---- what can be survived: many calls ---------------------------------------------------- */

/* A child dies of `int 0x80` where the kernel has no 32-bit emulation. */
static bool has_int80(void)
{
	static const struct generated_call getpid_i386 = {.arch = AUDIT_ARCH_I386, .nr = 20};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer's would report it */
		_exit(make_call(&getpid_i386) == getpid() ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* May C be made? The calls of x86-64 and x32 that the generator knows are harmless; of i386's,
 * which has other ones at the same numbers, only those that the filter answers by itself. */
static bool can_make(const struct profile *p, const struct filter *f, struct generated_call *c,
		     bool int80)
{
	int a = arch_from_audit(c->arch, c->nr);
	struct generated_call other;
	uint32_t ret;

	if (a == ARCH_X86_64 || a == ARCH_X32)
		return profile_sysent(p, (enum arch)a, c->nr) != NULL;
	if (a != ARCH_X86 || !int80)
		return false;
	for (unsigned i = 0; i < 6; i++)
		c->args[i] &= UINT32_MAX;
	other = *c;
	other.args[5] ^= UINT32_MAX; /* call_i386() has no say in it */
	ret = filter_run(f, c->arch, c->nr, c->args, 0);
	if (ret != filter_run(f, c->arch, c->nr, other.args, 0))
		return false;
	ret &= SECCOMP_RET_ACTION_FULL;
	return ret == SECCOMP_RET_ERRNO || ret == SECCOMP_RET_USER_NOTIF;
}

static void choose_calls(struct generator *g, const struct profile *p, const struct filter *f,
			 struct shared *s, bool int80)
{
	s->n_calls = CALLS;
	for (unsigned i = 0; i < CALLS; i++) {
		struct generated_call *c = &s->calls[i];

		generate_call(g, p, c);
		s->make[i] = can_make(p, f, c, int80);
	}
}

static bool check_calls(uint64_t seed, struct shared *s, bool int80, struct counts *n)
{
	struct generator g = {.state = seed, .safe = true, .quiet = seed % 4 != 0};
	struct filter f;
	struct profile *p = next_profile(&g, &f);
	long wanted = 0;
	int status;
	bool good;

	choose_calls(&g, p, &f, s, int80);
	status = run_child(s, &f);
	good = s->load_errno == 0 && s->stage == STAGE_DONE;
	if (!good)
		printf("# seed %" PRIu64 ": stage %d, %s, status %#x\n", seed, (int)s->stage,
		       strerror(s->load_errno), (unsigned)status);
	for (unsigned i = 0; i < s->n_calls && good; i++) {
		const struct generated_call *c = &s->calls[i];
		uint32_t ret = filter_run(&f, c->arch, c->nr, c->args, 0);

		if (!s->make[i])
			continue;
		n->compared++;
		n->int80 += c->arch == AUDIT_ARCH_I386;
		if (wanted_result(ret, s->before[i], &wanted) && s->after[i] != wanted)
			good = fail(seed, i, s, ret, wanted);
	}
	filter_done(&f);
	profile_unref(p);
	return good;
}

/* ---- TAP -------------------------------------------------------------------------------- */

static int report(unsigned number, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", number, name);
	return good ? 0 : 1;
}

int main(void)
{
	const char *given = getenv("PROPERTY_SEED");
	uint64_t seed = given && *given ? strtoull(given, NULL, 0) : SEED;
	bool native = arch_native() == ARCH_X86_64, load = true, calls = true;
	bool int80;
	struct counts n = {0};
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const uint32_t notif = SECCOMP_RET_USER_NOTIF;
	int bad;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (s == MAP_FAILED)
		return 99;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &notif) < 0) {
		printf("1..0 # SKIP the kernel has no seccomp user notification\n");
		return 77;
	}
	int80 = native && has_int80();
	printf("1..2\n# seed %" PRIu64 "%s\n", seed, int80 ? "" : ", without int 0x80");
	for (unsigned i = 0; i < PROFILES && load; i++)
		load = check_load(seed + i, s, &n);
	for (unsigned i = 0; i < PROFILES && calls && native; i++)
		calls = check_calls(seed + i, s, int80, &n);
	printf("# %u loaded, %u ended by SIGSYS, %u calls compared, %u of them by int 0x80\n",
	       n.loaded, n.killed, n.compared, n.int80);
	bad = report(1, load && n.loaded == PROFILES && (!native || n.killed > 0),
		     "the kernel takes random programs");
	if (!native) {
		printf("ok 2 - the kernel returns what the program says # SKIP not x86-64\n");
		return bad;
	}
	return bad | report(2, calls && n.compared > PROFILES,
			    "the kernel returns what the program says");
}
