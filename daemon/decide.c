/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* decide.c - rules + facts -> verdict */
#include "daemon/decide.h"

#include <fnmatch.h>
#include <linux/audit.h>
#include <string.h>

#include "daemon/idset.h"
#include "daemon/pathset.h"
/* An `exe` glob: of one that ends in slash, asterisk, asterisk, what stands before. */
struct view_exe {
	char *glob;
	bool deep;
	unsigned slashes; /* in glob, where it is deep */
};

struct view_when {
	struct view_exe *exes;
};

void identity_done(struct identity *id)
{
	free(id->unit);
	free(id->slice);
	for (size_t i = 0; i < id->n_labels; i++) {
		free(id->label_keys[i]);
		free(id->label_values[i]);
	}
	free(id->label_keys);
	free(id->label_values);
	*id = (struct identity){0};
}

/* ---- view --------------------------------------------------------------------- */

static unsigned count_slashes(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '/';
	return n;
}

static int ready_exes(struct view_when *w, const struct strv *exe)
{
	if (exe->n == 0)
		return 0;
	w->exes = calloc(exe->n, sizeof(*w->exes));
	if (!w->exes)
		return -ENOMEM;
	for (size_t i = 0; i < exe->n; i++) {
		struct view_exe *e = &w->exes[i];
		size_t len = strlen(exe->v[i]);

		e->glob = strdup(exe->v[i]);
		if (!e->glob)
			return -ENOMEM;
		e->deep = len >= 3 && strcmp(exe->v[i] + len - 3, "/**") == 0;
		if (e->deep)
			e->glob[len - 3] = '\0';
		e->slashes = count_slashes(e->glob);
	}
	return 0;
}

static bool label_holds(const struct when_label *l, const struct identity *id)
{
	for (size_t i = 0; i < id->n_labels; i++) {
		if (strcmp(id->label_keys[i], l->key) != 0)
			continue;
		if (l->globs.n == 0 || strv_match(&l->globs, id->label_values[i]))
			return true;
	}
	return false;
}

static bool static_holds(const struct when *w, const struct identity *id)
{
	if (w->unit.n > 0 && !strv_match(&w->unit, id->unit ? id->unit : ""))
		return false;
	if (w->slice.n > 0 && !strv_match(&w->slice, id->slice ? id->slice : ""))
		return false;
	for (size_t i = 0; i < w->n_labels; i++) {
		if (!label_holds(&w->labels[i], id))
			return false;
	}
	return true;
}

static int view_fill(struct view *v, const struct identity *id)
{
	const struct profile *p = v->profile;
	int r = 0;

	v->permissive = p->mode == MODE_PERMISSIVE;
	for (unsigned i = 0; i < p->n_rules && r == 0; i++) {
		const struct rule *rule = &p->rules[i];

		v->dead[i] = id && !static_holds(&rule->when, id);
		if (v->dead[i])
			continue;
		if (rule->mode != MODE_PERMISSIVE)
			v->permissive = false;
		r = ready_exes(&v->when[i], &rule->when.exe);
	}
	return r;
}

struct view *view_new(struct profile *p, const struct identity *id)
{
	struct view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return NULL;
	v->profile = profile_ref(p);
	v->dead = calloc(p->n_rules + 1, sizeof(*v->dead));
	v->when = calloc(p->n_rules + 1, sizeof(*v->when));
	r = v->dead && v->when ? view_fill(v, id) : -ENOMEM;
	if (r == 0)
		return v;
	view_free(v);
	errno = -r;
	return NULL;
}

struct view *view_free(struct view *v)
{
	if (!v)
		return NULL;
	for (unsigned i = 0; v->when && i < v->profile->n_rules; i++) {
		struct view_when *w = &v->when[i];

		for (size_t j = 0; w->exes && j < v->profile->rules[i].when.exe.n; j++)
			free(w->exes[j].glob);
		free(w->exes);
	}
	free(v->when);
	free(v->dead);
	profile_unref(v->profile);
	free(v);
	return NULL;
}

bool view_uncertain(const struct view *v, unsigned rule)
{
	const struct rule *r = &v->profile->rules[rule];

	return !v->dead[rule] && (r->when_dynamic || r->limit.rate > 0 || r->op != OPERATION_NONE);
}

bool view_needs_proc(const struct view *v, enum arch a, int32_t nr)
{
	const struct sysent *s = profile_sysent(v->profile, a, nr);

	for (unsigned i = 0; s && i < s->n_matches; i++) {
		unsigned rule = s->matches[i].rule;

		if (!v->dead[rule] && v->profile->rules[rule].when_dynamic)
			return true;
	}
	return false;
}

const struct operation_call *view_operation(const struct view *v, enum arch a, int32_t nr)
{
	const struct sysent *s = profile_sysent(v->profile, a, nr);

	for (unsigned i = 0; s && s->op && i < s->n_matches; i++) {
		unsigned rule = s->matches[i].rule;

		if (!v->dead[rule] && v->profile->rules[rule].op == s->op->op)
			return s->op;
	}
	return NULL;
}

/* ---- conditions ----------------------------------------------------------------- */

static uint64_t width_mask(unsigned width)
{
	return width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static bool cmp_holds(const struct cmp *c, uint64_t x)
{
	switch (c->op) {
	case CMP_EQ:
		return x == c->value;
	case CMP_NE:
		return x != c->value;
	case CMP_LT:
		return x < c->value;
	case CMP_LE:
		return x <= c->value;
	case CMP_GT:
		return x > c->value;
	case CMP_GE:
		return x >= c->value;
	case CMP_MASK_EQ:
		return (x & c->mask) == c->value;
	case CMP_MASK_NE:
		return (x & c->mask) != c->value;
	}
	return false;
}

bool cond_holds(const struct cond *c, uint64_t x)
{
	/* The kernel does not look at the rest of the register; the caller may put anything
	 * there. */
	x &= width_mask(c->width);
	for (unsigned i = 0; i < c->n_cmps; i++) {
		if (cmp_holds(&c->cmps[i], x) == c->any)
			return c->any;
	}
	return !c->any;
}

static bool conds_hold(const struct match *m, const uint64_t args[6])
{
	for (unsigned i = 0; i < m->n_conds; i++) {
		if (!cond_holds(&m->conds[i], args[m->conds[i].arg]))
			return false;
	}
	return true;
}

/* ---- when and limit --------------------------------------------------------------- */

enum tri { NO, YES, UNKNOWN };

static bool exe_matches(const struct view_exe *e, const char *exe)
{
	if (!e->deep)
		return fnmatch(e->glob, exe, FNM_PATHNAME) == 0;
	/* FNM_LEADING_DIR takes the directory itself as well: ask for something below it. */
	return count_slashes(exe) > e->slashes &&
	       fnmatch(e->glob, exe, FNM_PATHNAME | FNM_LEADING_DIR) == 0;
}

static enum tri exes_match(const struct view_when *w, const struct strv *globs, const char *exe)
{
	/* A target can hide it (PR_SET_DUMPABLE): no way round a rule. */
	if (!exe || !*exe)
		return UNKNOWN;
	for (size_t i = 0; i < globs->n; i++) {
		if (exe_matches(&w->exes[i], exe))
			return YES;
	}
	return NO;
}

static enum tri when_holds(const struct view *v, unsigned rule, const struct proc_facts *proc)
{
	const struct when *w = &v->profile->rules[rule].when;
	const struct view_when *vw = &v->when[rule];

	if (!proc)
		return UNKNOWN;
	if (w->user.n > 0 && !idlist_match(&w->uids, &w->user, proc->uid))
		return NO;
	if (w->group.n > 0 && !idlist_match(&w->gids, &w->group, proc->gid))
		return NO;
	if (w->comm.n > 0 && !strv_match(&w->comm, proc->comm))
		return NO;
	return w->exe.n > 0 ? exes_match(vw, &w->exe, proc->exe) : YES;
}

static bool bucket_take(struct bucket *b, const struct limit *l, uint64_t now_ns)
{
	if (b->last_ns == 0)
		b->tokens = l->burst;
	else if (now_ns > b->last_ns)
		b->tokens += l->rate * (double)(now_ns - b->last_ns) / 1e9;
	if (b->tokens > l->burst)
		b->tokens = l->burst;
	if (now_ns > b->last_ns)
		b->last_ns = now_ns;
	if (b->last_ns == 0)
		b->last_ns = 1; /* 0 would be a full bucket again */
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

/* ---- operations -------------------------------------------------------------------- */

/* Which rules name the object: looked up once, for the first rule that asks. */
struct lookup {
	bool asked, failed;
	uint64_t named[IDSET_WORDS(PROFILE_RULES_MAX)];
};

static void look_up(const struct profile *p, const struct facts *f, struct lookup *l)
{
	l->asked = true;
	l->failed = f->op.op == OPERATION_NONE;
	if (l->failed || !p->paths)
		return;
	memset(l->named, 0, IDSET_WORDS(p->n_rules) * sizeof(*l->named));
	l->failed = pathset_match(p->paths, f->op.name, strlen(f->op.name), l->named) < 0;
}

/* An allowance is for no more than it names, a denial for all that it names. */
static bool access_matches(const struct rule *r, unsigned wanted)
{
	if (r->action == ACTION_ALLOW)
		return (wanted & ~r->access) == 0;
	return (wanted & r->access) != 0;
}

static enum tri op_matches(const struct view *v, unsigned rule, const struct facts *f,
			   struct lookup *l)
{
	const struct rule *r = &v->profile->rules[rule];

	if (!l->asked)
		look_up(v->profile, f, l);
	if (l->failed || f->op.op != r->op)
		return UNKNOWN;
	if (!access_matches(r, f->op.access))
		return NO;
	return r->any_path || (l->named[rule / 64] >> rule % 64 & 1) ? YES : NO;
}

static enum tri rule_matches(const struct view *v, const struct match *m, const struct facts *f,
			     struct bucket *buckets, struct lookup *l)
{
	const struct rule *r = &v->profile->rules[m->rule];
	enum tri t;

	if (v->dead[m->rule] || !conds_hold(m, f->args))
		return NO;
	if (r->op != OPERATION_NONE) {
		t = op_matches(v, m->rule, f, l);
		if (t != YES)
			return t;
	}
	if (r->when_dynamic) {
		t = when_holds(v, m->rule, f->proc);
		if (t != YES)
			return t;
	}
	if (!(r->limit.rate > 0))
		return YES;
	if (!buckets)
		return UNKNOWN;
	return bucket_take(&buckets[m->rule], &r->limit, f->now_ns) ? YES : NO;
}

/* ---- verdict ------------------------------------------------------------------------ */

static int denial_errno(const struct profile *p, int err)
{
	if (err <= 0)
		err = p->err;
	return err > 0 ? err : EPERM;
}

static bool is_recorded(const struct verdict *v)
{
	switch (v->log) {
	case LOG_MODE_NONE:
		return false;
	case LOG_MODE_DENIED:
		return v->kind != VERDICT_ALLOW;
	default:
		return true;
	}
}

static void apply_action(const struct profile *p, enum action action, const struct rule *r,
			 struct verdict *ret)
{
	switch (action) {
	case ACTION_ALLOW:
	case ACTION_LOG:
		ret->kind = VERDICT_ALLOW;
		break;
	case ACTION_RETURN:
		ret->kind = VERDICT_RETURN;
		ret->value = r ? r->value : 0;
		break;
	case ACTION_KILL:
	case ACTION_KILL_THREAD:
		ret->kind = VERDICT_KILL;
		break;
	default: /* deny, trap, trace; what is not known here is no permission either */
		ret->kind = VERDICT_DENY;
		ret->err = denial_errno(p, r ? r->err : p->err);
		break;
	}
}

void decide_rule(const struct profile *p, int rule, struct verdict *ret)
{
	const struct rule *r = rule >= 0 ? &p->rules[rule] : NULL;

	*ret = (struct verdict){
		.rule = rule >= 0 ? rule : -1,
		.by = r ? BY_RULE : BY_DEFAULT,
		.basis = BASIS_REGISTERS,
		.mode = r ? r->mode : p->mode,
		.log = r ? r->log : p->log,
	};
	apply_action(p, r ? r->action : p->default_action, r, ret);
	if (r && action_kernel_only(r->action) && r->action != ACTION_LOG &&
	    r->mode == MODE_PERMISSIVE)
		ret->log = p->log;
	ret->record = is_recorded(ret);
}

void decide_failure(const struct view *v, struct verdict *ret)
{
	const struct profile *p = v->profile;

	*ret = (struct verdict){
		.kind = VERDICT_DENY,
		.err = denial_errno(p, p->err),
		.rule = -1,
		.by = BY_FAILURE,
		.basis = BASIS_REGISTERS,
		.mode = v->permissive ? MODE_PERMISSIVE : MODE_ENFORCE,
		.log = p->log,
		.record = true,
	};
}

void decide_error(const struct view *v, int err, struct verdict *ret)
{
	const struct profile *p = v->profile;

	*ret = (struct verdict){
		.kind = VERDICT_ALLOW,
		.err = err,
		.rule = -1,
		.by = BY_DEFAULT,
		.basis = BASIS_EMULATED,
		.mode = p->mode,
		.log = p->log,
	};
	ret->record = is_recorded(ret);
}

/* Usually the filter kills these; one that is not ours may notify them. */
static void decide_uncovered(const struct view *v, struct verdict *ret)
{
	*ret = (struct verdict){
		.kind = VERDICT_KILL,
		.rule = -1,
		.by = BY_DEFAULT,
		.basis = BASIS_REGISTERS,
		.mode = v->permissive ? MODE_PERMISSIVE : MODE_ENFORCE,
		.log = v->profile->log,
	};
	ret->record = is_recorded(ret);
}

/* The architecture of the call, or -1. The number -1, which a tracer sets to skip a call, has
 * the x32 bit too but is none of x32's. */
static int covered_arch(const struct profile *p, const struct facts *f)
{
	int a;

	if (f->arch == AUDIT_ARCH_X86_64 && f->nr == -1) {
		if (p->arch[ARCH_X86_64].covered)
			return ARCH_X86_64;
		return p->arch[ARCH_X32].covered ? (int)ARCH_X32 : -1;
	}
	a = arch_from_audit(f->arch, f->nr);
	return a >= 0 && p->arch[a].covered ? a : -1;
}

void decide(const struct view *v, const struct facts *f, struct bucket *buckets,
	    struct verdict *ret)
{
	const struct profile *p = v->profile;
	int a = covered_arch(p, f);
	const struct sysent *s;
	struct lookup l;

	l.asked = l.failed = false;
	if (a < 0) {
		decide_uncovered(v, ret);
		return;
	}
	s = f->nr == -1 ? NULL : profile_sysent(p, (enum arch)a, f->nr);
	for (unsigned i = 0; s && i < s->n_matches; i++) {
		enum tri t = rule_matches(v, &s->matches[i], f, buckets, &l);

		if (t == NO)
			continue;
		if (t == YES)
			decide_rule(p, (int)s->matches[i].rule, ret);
		else
			decide_failure(v, ret);
		ret->basis = l.asked ? BASIS_EMULATED : BASIS_REGISTERS;
		return;
	}
	decide_rule(p, -1, ret);
	ret->basis = l.asked ? BASIS_EMULATED : BASIS_REGISTERS;
}
