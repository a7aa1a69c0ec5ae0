/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscalls.c - look-ups in the tables of architectures, system calls, groups and
 * constants; nearest names for misspelt ones.
 */
#include "daemon/syscalls.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <linux/audit.h>
#include <seccomp.h>

#include "daemon/syscalls_tables.h"
#include "proto/base.h"

/* Numbers are below this on all architectures, x32's without its bit. */
#define NR_MAX 1024

const char *const arch_names[] = {
	[ARCH_X86_64] = "x86-64",
	[ARCH_X32] = "x32",
	[ARCH_X86] = "x86",
	[ARCH_ARM64] = "arm64",
};
static_assert(ARRAY_SIZE(arch_names) == ARCH_MAX, "a name for each architecture");

static const uint32_t audit_archs[] = {
	[ARCH_X86_64] = AUDIT_ARCH_X86_64,
	[ARCH_X32] = AUDIT_ARCH_X86_64,
	[ARCH_X86] = AUDIT_ARCH_I386,
	[ARCH_ARM64] = AUDIT_ARCH_AARCH64,
};
static_assert(ARRAY_SIZE(audit_archs) == ARCH_MAX, "a token for each architecture");

static const uint32_t scmp_archs[] = {
	[ARCH_X86_64] = SCMP_ARCH_X86_64,
	[ARCH_X32] = SCMP_ARCH_X32,
	[ARCH_X86] = SCMP_ARCH_X86,
	[ARCH_ARM64] = SCMP_ARCH_AARCH64,
};
static_assert(ARRAY_SIZE(scmp_archs) == ARCH_MAX, "a token for each architecture");

/* Filled once from the call table and libseccomp, constant from then on. */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static int row_nrs[ARCH_MAX][SYSCALLS_CALLS_MAX]; /* by row of the call table; -1: absent */
static const char *nr_names[ARCH_MAX][NR_MAX];

uint32_t arch_audit(enum arch a)
{
	return audit_archs[a];
}

int arch_from_name(const char *name)
{
	if (strcmp(name, "native") == 0)
		return arch_native();
	for (int a = 0; a < ARCH_MAX; a++)
		if (strcmp(name, arch_names[a]) == 0)
			return a;
	return -1;
}

int arch_from_audit(uint32_t audit, int32_t nr)
{
	switch (audit) {
	case AUDIT_ARCH_X86_64:
		/* -1 is no x32 call: a tracer sets it to skip a call. */
		return nr != -1 && (nr & SYSCALL_X32_BIT) ? ARCH_X32 : ARCH_X86_64;
	case AUDIT_ARCH_I386:
		return ARCH_X86;
	case AUDIT_ARCH_AARCH64:
		return ARCH_ARM64;
	default:
		return -1;
	}
}

enum arch arch_native(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return ARCH_X32;
#elif defined(__x86_64__)
	return ARCH_X86_64;
#elif defined(__i386__)
	return ARCH_X86;
#elif defined(__aarch64__)
	return ARCH_ARM64;
#else
#error "an architecture without tables"
#endif
}

/* Is the row one for A? A name's other rows are for the others. */
static bool row_covers(const struct call_def *row, enum arch a)
{
	return row->archs == 0 || (row->archs & ARCH_BIT(a));
}

static int row_resolve(const struct call_def *row, enum arch a)
{
	int nr;

	if (!row_covers(row, a))
		return -1;
	/* Negative: unknown, or a pseudo number of a call that A has not or multiplexes. */
	nr = seccomp_syscall_resolve_name_arch(scmp_archs[a], row->name);
	if (nr < 0 && a == ARCH_X86 && row->nr_x86)
		nr = row->nr_x86;
	if (nr < 0 && row->nr_new)
		nr = a == ARCH_X32 ? row->nr_new | SYSCALL_X32_BIT : row->nr_new;
	return nr < 0 ? -1 : nr;
}

static void tables_fill(void)
{
	for (int a = 0; a < ARCH_MAX; a++) {
		for (size_t i = 0; i < syscalls_call_table_n; i++) {
			int nr = row_resolve(&syscalls_call_table[i], a);
			int slot = nr & ~SYSCALL_X32_BIT;

			row_nrs[a][i] = nr;
			if (nr >= 0 && slot < NR_MAX && !nr_names[a][slot])
				nr_names[a][slot] = syscalls_call_table[i].name;
		}
	}
}

static void tables_ready(void)
{
	(void)pthread_once(&tables_once, tables_fill);
}

/* The first of NAME's rows; -1: unknown. */
static int row_first(const char *name)
{
	size_t low = 0, high = syscalls_call_table_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(syscalls_call_table[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == syscalls_call_table_n || strcmp(syscalls_call_table[low].name, name) != 0)
		return -1;
	return (int)low;
}

/* NAME's row for A, whether A has the call or not; -1: unknown. */
static int row_find(const char *name, enum arch a)
{
	int first = row_first(name);

	if (first < 0)
		return -1;
	for (size_t i = (size_t)first;
	     i < syscalls_call_table_n && strcmp(syscalls_call_table[i].name, name) == 0; i++)
		if (row_covers(&syscalls_call_table[i], a))
			return (int)i;
	return first;
}

int syscall_nr(enum arch a, const char *name)
{
	int row = row_find(name, a);

	tables_ready();
	return row < 0 ? -1 : row_nrs[a][row];
}

bool syscall_known(const char *name)
{
	for (int a = 0; a < ARCH_MAX; a++)
		if (syscall_nr(a, name) >= 0)
			return true;
	return false;
}

const char *syscall_name(uint32_t audit, int32_t nr)
{
	int a = arch_from_audit(audit, nr);

	if (a < 0 || nr < 0)
		return NULL;
	if (a == ARCH_X32)
		nr &= ~SYSCALL_X32_BIT;
	if (nr >= NR_MAX)
		return NULL;
	tables_ready();
	return nr_names[a][nr];
}

void syscall_foreach(void (*fn)(const char *name, void *data), void *data)
{
	const char *last = "";

	for (size_t i = 0; i < syscalls_call_table_n; i++) {
		const char *name = syscalls_call_table[i].name;

		if (strcmp(name, last) != 0 && syscall_known(name))
			fn(name, data);
		last = name;
	}
}

/* How many registers an argument takes on A. */
static unsigned kind_registers(enum arg_kind kind, enum arch a)
{
	switch (kind) {
	case ARG_NONE:
		return 0;
	case ARG_WIDE:
		return a == ARCH_X86 ? 2 : 1;
	case ARG_HIGH:
		return a == ARCH_X86_64 || a == ARCH_ARM64 ? 1 : 0;
	default:
		return 1;
	}
}

/* How many bits of one of its registers the kernel looks at on A. */
static unsigned kind_width(enum arg_kind kind, enum arch a)
{
	switch (kind) {
	case ARG_HALF:
		return 16;
	case ARG_UID:
		return a == ARCH_X86 ? 16 : 32;
	case ARG_INT:
		return 32;
	case ARG_COMPAT:
		return a == ARCH_X32 || a == ARCH_X86 ? 32 : 64;
	default:
		return a == ARCH_X86 ? 32 : 64;
	}
}

/* The argument whose value comes at least in part in register INDEX, or NULL. */
static const struct arg_def *row_register(const struct call_def *row, enum arch a, unsigned index)
{
	unsigned reg = 0;

	for (size_t i = 0; i < SYSCALL_ARGS; i++) {
		reg += kind_registers(row->args[i].kind, a);
		if (index < reg)
			return &row->args[i];
	}
	return NULL;
}

static bool row_in_memory(const struct call_def *row, enum arch a)
{
	return row->memory_archs & ARCH_BIT(a);
}

static unsigned row_width(const struct call_def *row, enum arch a, unsigned index)
{
	const struct arg_def *arg = row_in_memory(row, a) ? NULL : row_register(row, a, index);

	return kind_width(arg ? arg->kind : ARG_LONG, a);
}

/* Index of "arg0".."arg5", or -1. */
static int positional(const char *arg)
{
	if (strncmp(arg, "arg", 3) != 0 || arg[3] < '0' || arg[3] >= '0' + SYSCALL_ARGS || arg[4])
		return -1;
	return arg[3] - '0';
}

int syscall_arg(enum arch a, const char *name, const char *arg, unsigned *ret_index,
		unsigned *ret_width)
{
	int found = row_find(name, a), pos = positional(arg);
	const struct call_def *row;
	unsigned reg = 0;

	if (found < 0)
		return -ENOENT;
	row = &syscalls_call_table[found];
	if (pos >= 0) {
		*ret_index = (unsigned)pos;
		*ret_width = row_width(row, a, (unsigned)pos);
		return 0;
	}
	for (size_t i = 0; i < SYSCALL_ARGS; i++) {
		const struct arg_def *def = &row->args[i];
		unsigned registers = kind_registers(def->kind, a);

		if (def->name && strcmp(def->name, arg) == 0) {
			if (row_in_memory(row, a) || registers != 1)
				return -EOPNOTSUPP;
			*ret_index = reg;
			*ret_width = kind_width(def->kind, a);
			return 0;
		}
		reg += registers;
	}
	return -ENOENT;
}

unsigned syscall_spare_args(uint32_t audit, int32_t nr)
{
	const char *name = syscall_name(audit, nr);
	unsigned taken = 0;
	const struct call_def *row;
	int a = arch_from_audit(audit, nr);

	if (!name)
		return 0;
	row = &syscalls_call_table[row_find(name, (enum arch)a)];
	if (row_in_memory(row, (enum arch)a))
		return SYSCALL_ARGS - 1;
	for (size_t i = 0; i < SYSCALL_ARGS; i++)
		taken += kind_registers(row->args[i].kind, (enum arch)a);
	return taken < SYSCALL_ARGS ? SYSCALL_ARGS - taken : 0;
}

/* The architecture whose form of NAME is shown: the native one where it has the call. */
static enum arch shown_arch(const char *name)
{
	enum arch native = arch_native();

	if (syscall_nr(native, name) >= 0)
		return native;
	for (int a = 0; a < ARCH_MAX; a++)
		if (syscall_nr(a, name) >= 0)
			return a;
	return native;
}

const char *syscall_arg_name(const char *name, unsigned index)
{
	enum arch a = shown_arch(name);
	int row = row_find(name, a);
	const struct arg_def *arg;

	if (row < 0)
		return NULL;
	arg = row_register(&syscalls_call_table[row], a, index);
	return arg ? arg->name : NULL;
}

const char *const *syscall_group(const char *group)
{
	for (size_t i = 0; i < syscalls_group_table_n; i++)
		if (strcmp(syscalls_group_table[i].name, group) == 0)
			return syscalls_group_table[i].members;
	return NULL;
}

void syscall_group_foreach(void (*fn)(const char *group, void *data), void *data)
{
	for (size_t i = 0; i < syscalls_group_table_n; i++)
		fn(syscalls_group_table[i].name, data);
}

int syscall_constant(enum arch a, const char *name, int64_t *ret)
{
	int r = -ENOENT;

	for (size_t i = 0; i < syscalls_const_table_n; i++) {
		const struct const_def *c = &syscalls_const_table[i];

		if (strcmp(c->name, name) != 0)
			continue;
		if (c->archs == 0 || (c->archs & ARCH_BIT(a))) {
			*ret = c->value;
			return 0;
		}
		r = -EOPNOTSUPP;
	}
	return r;
}

/* Longer names are not worth comparing. */
#define SUGGEST_LENGTH_MAX 63

/* What people mix up without noticing counts as equal. */
static int fold(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn A into B. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][SUGGEST_LENGTH_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2], *spare;
	size_t n = strlen(a), m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			now[j] = least(last[j] + 1, now[j - 1] + 1);
			now[j] = least(now[j], last[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

struct search {
	const char *name;
	const char *best;
	unsigned best_distance;
};

/* The more letters, the more mistakes are still likely to mean the same name. */
static void search_init(struct search *s, const char *name)
{
	size_t length = strlen(name);

	*s = (struct search){.name = name};
	if (length <= SUGGEST_LENGTH_MAX)
		s->best_distance = 1 + (length < 3 ? 0 : length < 6 ? 1 : length < 10 ? 2 : 3);
}

static void search_try_cb(const char *candidate, void *data)
{
	struct search *s = data;
	size_t n = strlen(s->name), m = strlen(candidate);
	unsigned d;

	if (m > SUGGEST_LENGTH_MAX || (n > m ? n - m : m - n) >= s->best_distance)
		return;
	d = distance(s->name, candidate);
	if (d < s->best_distance) {
		s->best = candidate;
		s->best_distance = d;
	}
}

const char *syscall_suggest(enum syscall_suggest kind, const char *name)
{
	struct search s;

	search_init(&s, name);
	switch (kind) {
	case SUGGEST_SYSCALL:
		syscall_foreach(search_try_cb, &s);
		break;
	case SUGGEST_GROUP:
		syscall_group_foreach(search_try_cb, &s);
		break;
	case SUGGEST_CONSTANT:
		for (size_t i = 0; i < syscalls_const_table_n; i++)
			search_try_cb(syscalls_const_table[i].name, &s);
		break;
	}
	return s.best;
}

const char *suggest_among(const char *name, const char *const *list, size_t n)
{
	struct search s;

	search_init(&s, name);
	for (size_t i = 0; i < n; i++)
		search_try_cb(list[i], &s);
	return s.best;
}

/* Numbers: linux/net.h and linux/ipc.h. */
const struct syscall_mux *syscall_muxes(size_t *ret_n)
{
	static const struct syscall_mux muxes[] = {
		{"socket", "socketcall", 1},
		{"bind", "socketcall", 2},
		{"connect", "socketcall", 3},
		{"listen", "socketcall", 4},
		{"accept", "socketcall", 5},
		{"getsockname", "socketcall", 6},
		{"getpeername", "socketcall", 7},
		{"socketpair", "socketcall", 8},
		{"sendto", "socketcall", 9},
		{"recvfrom", "socketcall", 10},
		{"sendto", "socketcall", 11},
		{"recvfrom", "socketcall", 12},
		{"shutdown", "socketcall", 13},
		{"setsockopt", "socketcall", 14},
		{"getsockopt", "socketcall", 15},
		{"sendmsg", "socketcall", 16},
		{"recvmsg", "socketcall", 17},
		{"accept4", "socketcall", 18},
		{"recvmmsg", "socketcall", 19},
		{"sendmmsg", "socketcall", 20},
		{"semop", "ipc", 1},
		{"semget", "ipc", 2},
		{"semctl", "ipc", 3},
		{"semtimedop", "ipc", 4},
		{"msgsnd", "ipc", 11},
		{"msgrcv", "ipc", 12},
		{"msgget", "ipc", 13},
		{"msgctl", "ipc", 14},
		{"shmat", "ipc", 21},
		{"shmdt", "ipc", 22},
		{"shmget", "ipc", 23},
		{"shmctl", "ipc", 24},
	};

	*ret_n = ARRAY_SIZE(muxes);
	return muxes;
}
