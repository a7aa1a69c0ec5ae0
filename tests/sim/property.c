/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * property.c - for random profiles and calls the filter, run on the BPF, and the decision engine
 * never disagree
 *
 * decide() without facts about the process and without buckets says what registers alone can
 * prove: everything else is a failure. The filter must decide exactly that, and notify the rest;
 * where it was widened for its length it may notify more, but no action that only the kernel can
 * do. What the filter decides must be decide()'s answer, unrecorded, whatever the process is and
 * the buckets hold.
 *
 * usage: property [SEED [ITERATIONS]], or PROPERTY_SEED and PROPERTY_ITERATIONS. Iteration N of
 * seed S is iteration 0 of seed S+N.
 */
#include <inttypes.h>
#include <linux/seccomp.h>
#include <string.h>

#include "daemon/filter.h"
#include "tests/sim/generate.h"

#define SEED	       20261124
#define ITERATIONS     20000
#define CALLS	       80
#define HUGE_ONE_IN    100
#define NOW_NS	       UINT64_C(1000000000000)
#define ACCEPTED_SHARE 4 /* at least one in so many profiles */

struct counts {
	uint64_t profiles, refused, too_long, huge, calls, notified, kernel, widened;
	uint64_t pairs_disjoint, pairs_accepted;
	uint64_t rets[8];
	size_t longest;
};

enum {
	SEEN_ALLOW,
	SEEN_ERRNO,
	SEEN_KILL,
	SEEN_THREAD,
	SEEN_TRAP,
	SEEN_TRACE,
	SEEN_LOG,
	SEEN_NOTIF
};
static const char *const seen_names[] = {"ALLOW", "ERRNO", "KILL_PROCESS", "KILL_THREAD",
					 "TRAP",  "TRACE", "LOG",	   "USER_NOTIF"};

static unsigned seen_index(uint32_t ret)
{
	switch (ret & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return SEEN_ALLOW;
	case SECCOMP_RET_ERRNO:
		return SEEN_ERRNO;
	case SECCOMP_RET_KILL_PROCESS:
		return SEEN_KILL;
	case SECCOMP_RET_KILL_THREAD:
		return SEEN_THREAD;
	case SECCOMP_RET_TRAP:
		return SEEN_TRAP;
	case SECCOMP_RET_TRACE:
		return SEEN_TRACE;
	case SECCOMP_RET_LOG:
		return SEEN_LOG;
	default:
		return SEEN_NOTIF;
	}
}

/* ---- what the filter ought to return --------------------------------------------- */

/* The value that carries out V, which nobody records, or USER_NOTIF where none does. */
static uint32_t carry_out(const struct profile *p, const struct verdict *v)
{
	enum action action = v->rule >= 0 ? p->rules[v->rule].action : p->default_action;
	bool trial = v->mode == MODE_PERMISSIVE;

	if (action == ACTION_LOG && v->kind == VERDICT_ALLOW)
		return SECCOMP_RET_LOG;
	if (trial)
		return SECCOMP_RET_ALLOW;
	if (action == ACTION_KILL_THREAD)
		return SECCOMP_RET_KILL_THREAD;
	if (action == ACTION_TRAP)
		return SECCOMP_RET_TRAP;
	if (action == ACTION_TRACE)
		return SECCOMP_RET_TRACE;
	switch (v->kind) {
	case VERDICT_ALLOW:
		return SECCOMP_RET_ALLOW;
	case VERDICT_KILL:
		return SECCOMP_RET_KILL_PROCESS;
	case VERDICT_DENY:
		return SECCOMP_RET_ERRNO | (uint32_t)v->err;
	default:
		return v->value == 0 ? SECCOMP_RET_ERRNO : SECCOMP_RET_USER_NOTIF;
	}
}

static bool is_covered(const struct profile *p, const struct generated_call *c)
{
	int a = arch_from_audit(c->arch, c->nr);

	if (c->nr == -1 && a == ARCH_X86_64)
		return (p->archs & (ARCH_BIT(ARCH_X86_64) | ARCH_BIT(ARCH_X32))) != 0;
	return a >= 0 && (p->archs & ARCH_BIT(a));
}

static uint32_t wanted_ret(const struct view *v, const struct generated_call *c,
			   const struct verdict *certain)
{
	if (!is_covered(v->profile, c) && !v->permissive)
		return SECCOMP_RET_KILL_PROCESS;
	if (certain->by == BY_FAILURE || certain->record)
		return SECCOMP_RET_USER_NOTIF;
	if (!is_covered(v->profile, c))
		return SECCOMP_RET_ALLOW;
	return carry_out(v->profile, certain);
}

/* ---- one call ------------------------------------------------------------------------ */

static const struct proc_facts processes[] = {
	{.tgid = 1, .uid = 0, .gid = 0, .comm = "nginx", .exe = "/usr/bin/nginx"},
	{.tgid = 2, .uid = 1000, .gid = 1000, .comm = "python3", .exe = "/opt/a/b/python3"},
	{.tgid = 3, .uid = 0, .gid = 1000, .comm = "sh", .exe = ""},
	{.tgid = 4, .uid = 1000, .gid = 0, .comm = "perl", .exe = "/usr/bin/perl"},
};

static void decide_state(const struct view *v, const struct generated_call *c, unsigned state,
			 struct bucket *buckets, struct verdict *ret)
{
	struct facts f = {.arch = c->arch, .nr = c->nr, .now_ns = NOW_NS};
	unsigned process = state / 2;

	memcpy(f.args, c->args, sizeof(f.args));
	f.proc = process < ARRAY_SIZE(processes) ? &processes[process] : NULL;
	for (unsigned i = 0; i < v->profile->n_rules; i++) {
		buckets[i] = (struct bucket){0};
		if (state % 2)
			buckets[i].last_ns = NOW_NS; /* empty */
	}
	decide(v, &f, buckets, ret);
}

static bool same_answer(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->err == b->err && a->value == b->value &&
	       a->rule == b->rule && a->by == b->by && a->mode == b->mode;
}

static bool only_kernel_can(const struct profile *p, const struct verdict *v)
{
	enum action action;

	if (v->rule < 0 || v->by != BY_RULE)
		return false;
	action = p->rules[v->rule].action;
	return action_kernel_only(action) && (action == ACTION_LOG || v->mode == MODE_ENFORCE);
}

/* NULL, or what is wrong. */
static const char *check_states(const struct view *v, const struct generated_call *c, uint32_t ret,
				const struct verdict *certain, struct bucket *buckets)
{
	for (unsigned state = 0; state < 2 * (ARRAY_SIZE(processes) + 1); state++) {
		struct verdict verdict;

		decide_state(v, c, state, buckets, &verdict);
		if (ret == SECCOMP_RET_USER_NOTIF) {
			if (only_kernel_can(v->profile, &verdict))
				return "a notified call wants what only the kernel can do";
			continue;
		}
		if (!same_answer(&verdict, certain))
			return "the filter decides what depends on the process or a limit";
		if (verdict.record && is_covered(v->profile, c))
			return "the filter decides what is to be recorded";
	}
	return NULL;
}

static const char *check_call(const struct view *v, const struct filter *f,
			      const struct generated_call *c, bool may_be_wide,
			      struct bucket *buckets, struct counts *n)
{
	struct facts facts = {.arch = c->arch, .nr = c->nr, .now_ns = NOW_NS};
	uint32_t ret = filter_run(f, c->arch, c->nr, c->args, 0), wanted;
	struct verdict certain;

	memcpy(facts.args, c->args, sizeof(facts.args));
	decide(v, &facts, NULL, &certain);
	wanted = wanted_ret(v, c, &certain);
	n->calls++;
	n->rets[seen_index(ret)]++;
	if (ret == SECCOMP_RET_USER_NOTIF)
		n->notified++;
	else
		n->kernel++;
	if (ret != wanted) {
		if (ret != SECCOMP_RET_USER_NOTIF)
			return "the filter's answer is not the engine's";
		if (!may_be_wide)
			return "the filter notifies what it could decide";
		n->widened++;
	}
	return check_states(v, c, ret, &certain, buckets);
}

/* ---- one profile --------------------------------------------------------------------- */

static void print_failure(const char *what, uint64_t seed, const struct profile *p,
			  const struct filter *f, const struct generated_call *c)
{
	printf("# %s\n# PROPERTY_SEED=%" PRIu64 " PROPERTY_ITERATIONS=1\n", what, seed);
	if (c) {
		printf("# call arch %#x nr %#x", c->arch, (unsigned)c->nr);
		for (unsigned i = 0; i < 6; i++)
			printf(" %#" PRIx64, c->args[i]);
		printf("\n# the filter says %#x\n", filter_run(f, c->arch, c->nr, c->args, 0));
	}
	generate_print(stdout, p);
}

static bool check_program(const struct filter *f)
{
	bool notifies = false;

	for (size_t i = 0; i < f->n; i++)
		notifies = notifies || (f->insns[i].code == (BPF_RET | BPF_K) &&
					f->insns[i].k == SECCOMP_RET_USER_NOTIF);
	return f->n > 0 && f->n <= BPF_MAXINSNS && notifies == f->notifies;
}

static bool check_view(struct generator *g, uint64_t seed, const struct view *v, struct counts *n)
{
	const struct profile *p = v->profile;
	_cleanup_free_ struct bucket *buckets = calloc(p->n_rules, sizeof(*buckets));
	_cleanup_(filter_done) struct filter f = {0};
	struct generated_call c;
	const char *wrong = NULL;
	char err[512];
	int r = filter_compile(v, &f, err, sizeof(err));

	if (r == -E2BIG && g->huge && err[0]) {
		n->too_long++;
		return true;
	}
	if (!buckets || r < 0 || !check_program(&f)) {
		print_failure(err, seed, p, &f, NULL);
		return false;
	}
	n->longest = f.n > n->longest ? f.n : n->longest;
	for (unsigned i = 0; i < CALLS && !wrong; i++) {
		generate_call(g, p, &c);
		wrong = check_call(v, &f, &c, g->huge, buckets, n);
	}
	if (wrong)
		print_failure(wrong, seed, p, &f, &c);
	return !wrong;
}

static bool check_seed(uint64_t seed, struct counts *n)
{
	struct generator g = {.state = seed};
	struct diag d = {0};
	char unit[] = "a.service", slice[] = "system.slice", key[] = "k", value[] = "v";
	char *keys[] = {key}, *values[] = {value};
	struct identity id = {
		.unit = unit, .slice = slice, .label_keys = keys, .label_values = values};
	struct profile *p;
	struct view *v;
	bool good = true;

	id.n_labels = generate_below(&g, 2);
	g.huge = generate_below(&g, HUGE_ONE_IN) == 0;
	g.quiet = generate_below(&g, 2) == 0;
	p = generate_profile(&g);
	n->profiles++;
	n->huge += g.huge;
	if (filter_check(p, &d) < 0) {
		n->refused++;
		good = d.n > 0;
		if (!good)
			print_failure("refused without a reason", seed, p, NULL, NULL);
	} else {
		v = view_new(p, generate_below(&g, 8) ? &id : NULL);
		good = v && d.n == 0 && check_view(&g, seed, v, n);
		view_free(v);
	}
	diag_done(&d);
	profile_unref(p);
	return good;
}

/* ---- which rules can match the same registers ------------------------------------------ */

static bool check_pair(uint64_t seed, struct counts *n)
{
	struct generator g = {.state = seed};
	struct profile *p = generate_pair(&g);
	const struct match *m = p->arch[ARCH_X86_64].sysents[0].matches;
	struct diag d = {0};
	bool refused = filter_check(p, &d) < 0, overlap = false;

	for (uint64_t x = 0; x < 64; x++) /* values are below 16; so all cases are here */
		overlap =
			overlap || (cond_holds(&m[0].conds[0], x) && cond_holds(&m[1].conds[0], x));
	if (overlap && !refused)
		print_failure("rules that overlap pass for disjoint", seed, p, NULL, NULL);
	n->pairs_disjoint += !overlap;
	n->pairs_accepted += !refused;
	diag_done(&d);
	profile_unref(p);
	return refused || !overlap;
}

/* ---- TAP --------------------------------------------------------------------------- */

static uint64_t setting(int argc, char **argv, int arg, const char *variable, uint64_t otherwise)
{
	const char *s = argc > arg ? argv[arg] : getenv(variable);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static int report(unsigned number, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", number, name);
	return good ? 0 : 1;
}

static void print_counts(const struct counts *n)
{
	printf("# %" PRIu64 " profiles: %" PRIu64 " refused, %" PRIu64 " huge, %" PRIu64
	       " too long; longest program %zu\n",
	       n->profiles, n->refused, n->huge, n->too_long, n->longest);
	printf("# %" PRIu64 " calls: %" PRIu64 " by the kernel, %" PRIu64 " notified, %" PRIu64
	       " of them because widened\n#",
	       n->calls, n->kernel, n->notified, n->widened);
	printf(" %" PRIu64 " disjoint pairs of rules, %" PRIu64 " accepted\n#", n->pairs_disjoint,
	       n->pairs_accepted);
	for (unsigned i = 0; i < ARRAY_SIZE(seen_names); i++)
		printf(" %s %" PRIu64, seen_names[i], n->rets[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	uint64_t seed = setting(argc, argv, 1, "PROPERTY_SEED", SEED);
	uint64_t iterations = setting(argc, argv, 2, "PROPERTY_ITERATIONS", ITERATIONS);
	struct counts n = {0};
	bool good = true, apart = true, all = true;
	int bad = 0;

	printf("1..4\n# seed %" PRIu64 ", %" PRIu64 " iterations\n", seed, iterations);
	for (uint64_t i = 0; i < iterations && good; i++)
		good = check_seed(seed + i, &n);
	for (uint64_t i = 0; i < iterations && apart; i++)
		apart = check_pair(seed + i, &n);
	print_counts(&n);
	for (unsigned i = 0; i < ARRAY_SIZE(seen_names); i++)
		all = all && n.rets[i] > 0;
	bad |= report(1, good, "filter and decision engine agree");
	/* The share and the variety say something about many iterations only. */
	bad |= report(2,
		      iterations < 500 || (n.profiles - n.refused) * ACCEPTED_SHARE >= n.profiles,
		      "enough of the profiles were not refused");
	bad |= report(3, iterations < 500 || (all && n.widened > 0),
		      "every action was seen, and widened filters");
	bad |= report(4, apart && (iterations < 500 || n.pairs_accepted * 2 > n.pairs_disjoint),
		      "rules that are taken for disjoint are, and most that are are");
	return bad;
}
