/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_decide.c - rules + facts -> verdict, in rows */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/audit.h>

#include "daemon/decide.h"
#include "tests/unit/profile_fixture.h"

#define SECOND UINT64_C(1000000000)

/* The view alone keeps the profile. */
static struct view *view_of(const char *text, const struct identity *id)
{
	struct profile *p = parse(text);
	struct view *v = view_new(p, id);

	assert_non_null(v);
	profile_unref(p);
	assert_int_equal(v->profile->refs, 1);
	return v;
}

static struct facts call_of(const char *name, uint64_t arg0, const struct proc_facts *proc)
{
	return (struct facts){
		.arch = AUDIT_ARCH_X86_64,
		.nr = syscall_nr(ARCH_X86_64, name),
		.args = {arg0},
		.proc = proc,
		.now_ns = SECOND,
	};
}

static const char *rule_name(const struct view *v, const struct verdict *verdict)
{
	return verdict->rule < 0 ? "" : v->profile->rules[verdict->rule].name;
}

/* ---- one condition ------------------------------------------------------------- */

static void cond_test(void **state)
{
	static const struct {
		enum cmp_op op;
		uint8_t width;
		uint64_t mask, value, x;
		bool holds;
	} rows[] = {
		{CMP_EQ, 32, 0, 1, 1, true},
		{CMP_EQ, 32, 0, 1, 0x100000001, true},
		{CMP_EQ, 32, 0, 1, 0xffffffff00000001, true},
		{CMP_EQ, 64, 0, 1, 0x100000001, false},
		{CMP_EQ, 64, 0, 0x100000001, 0x100000001, true},
		{CMP_EQ, 16, 0, 1, 0x10001, true},
		{CMP_EQ, 16, 0, 1, 0x10002, false},
		{CMP_EQ, 32, 0, 0xffffffff, UINT64_MAX, true},
		{CMP_NE, 32, 0, 1, 0x100000001, false},
		{CMP_NE, 64, 0, 1, 0x100000001, true},
		{CMP_LT, 64, 0, 0x100000000, 0xffffffff, true},
		{CMP_LT, 64, 0, 0x100000000, 0x100000000, false},
		{CMP_LT, 32, 0, 5, 0x700000004, true},
		{CMP_LT, 32, 0, 0, 0, false},
		{CMP_LE, 64, 0, 0x1ffffffff, 0x1ffffffff, true},
		{CMP_LE, 64, 0, 0x1ffffffff, 0x200000000, false},
		{CMP_LE, 64, 0, UINT64_MAX, UINT64_MAX, true},
		{CMP_GT, 64, 0, 0xffffffff, 0x100000000, true},
		{CMP_GT, 64, 0, 0x1ffffffff, 0x100000000, false},
		{CMP_GT, 32, 0, 5, 0xf00000005, false},
		{CMP_GT, 64, 0, UINT64_MAX, UINT64_MAX, false},
		{CMP_GE, 64, 0, 0x8000000000000000, 0x7fffffffffffffff, false},
		{CMP_GE, 64, 0, 0x8000000000000000, UINT64_MAX, true},
		{CMP_GE, 16, 0, 0xffff, 0xabffff, true},
		{CMP_MASK_EQ, 32, 0x41, 0x40, 0xff000000be, false},
		{CMP_MASK_EQ, 32, 0x41, 0x40, 0xff000000fe, true},
		{CMP_MASK_EQ, 64, 0xf00000000, 0x100000000, 0x1100000000, true},
		{CMP_MASK_EQ, 16, 0xf000, 0, 0xf0fff, true},
		{CMP_MASK_NE, 32, 0x40, 0x40, 0x3f, true},
		{CMP_MASK_NE, 32, 0x40, 0x40, 0x7f, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cmp cmp = {.op = rows[i].op, .mask = rows[i].mask, .value = rows[i].value};
		struct cond c = {.width = rows[i].width, .n_cmps = 1, .cmps = &cmp};

		if (cond_holds(&c, rows[i].x) != rows[i].holds)
			fail_msg("row %zu", i);
		c.any = true;
		if (cond_holds(&c, rows[i].x) != rows[i].holds)
			fail_msg("row %zu, any", i);
	}
}

static void cond_lists_test(void **state)
{
	struct cmp cmps[] = {{.op = CMP_GE, .value = 3}, {.op = CMP_LE, .value = 5}};
	struct cond c = {.width = 64, .n_cmps = 2, .cmps = cmps};

	(void)state;
	assert_false(cond_holds(&c, 2));
	assert_true(cond_holds(&c, 3));
	assert_true(cond_holds(&c, 5));
	assert_false(cond_holds(&c, 6));
	c.any = true;
	assert_true(cond_holds(&c, 2));
	cmps[0] = (struct cmp){.op = CMP_EQ, .value = 7};
	cmps[1] = (struct cmp){.op = CMP_EQ, .value = 9};
	assert_true(cond_holds(&c, 9));
	assert_false(cond_holds(&c, 8));
}

/* ---- verdicts -------------------------------------------------------------------- */

struct row {
	const char *profile;
	uint64_t fd; /* of write(2) */
	enum record_verdict kind;
	int err;
	int64_t value;
	const char *rule;
	enum record_by by;
	enum record_mode mode;
	bool record;
};

#define ENFORCE	   MODE_ENFORCE
#define PERMISSIVE MODE_PERMISSIVE
#define WRITE(...) "default: allow\nrules:\n  - {name: w, syscall: write, " __VA_ARGS__ "}\n"

static const struct row rows[] = {
	/* defaults */
	{"default: allow\n", 1, VERDICT_ALLOW, 0, 0, "", BY_DEFAULT, ENFORCE, false},
	{"default: deny\n", 1, VERDICT_DENY, EPERM, 0, "", BY_DEFAULT, ENFORCE, true},
	{"default: deny\nerrno: EACCES\nlog: none\n", 1, VERDICT_DENY, EACCES, 0, "", BY_DEFAULT,
	 ENFORCE, false},
	{"default: kill\n", 1, VERDICT_KILL, 0, 0, "", BY_DEFAULT, ENFORCE, true},
	{"default: allow\nlog: each\n", 1, VERDICT_ALLOW, 0, 0, "", BY_DEFAULT, ENFORCE, true},
	{"default: kill\nmode: permissive\n", 1, VERDICT_KILL, 0, 0, "", BY_DEFAULT, PERMISSIVE,
	 true},
	/* actions and log settings */
	{WRITE("action: allow"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE, ENFORCE, false},
	{WRITE("action: allow, log: each"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE, ENFORCE, true},
	{WRITE("action: allow, log: changes"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE, ENFORCE, true},
	{WRITE("action: allow, log: none"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE, ENFORCE, false},
	{WRITE("action: deny, errno: EIO"), 1, VERDICT_DENY, EIO, 0, "w", BY_RULE, ENFORCE, true},
	{"errno: ENOSYS\n" WRITE("action: deny"), 1, VERDICT_DENY, ENOSYS, 0, "w", BY_RULE, ENFORCE,
	 true},
	{WRITE("action: deny, log: none"), 1, VERDICT_DENY, EPERM, 0, "w", BY_RULE, ENFORCE, false},
	{WRITE("action: return, value: 0"), 1, VERDICT_RETURN, 0, 0, "w", BY_RULE, ENFORCE, true},
	{WRITE("action: return, value: 7, log: none"), 1, VERDICT_RETURN, 0, 7, "w", BY_RULE,
	 ENFORCE, false},
	{WRITE("action: kill"), 1, VERDICT_KILL, 0, 0, "w", BY_RULE, ENFORCE, true},
	{WRITE("action: kill, log: none"), 1, VERDICT_KILL, 0, 0, "w", BY_RULE, ENFORCE, false},
	/* what only the kernel can do, should it come to the daemon */
	{WRITE("action: kill-thread"), 1, VERDICT_KILL, 0, 0, "w", BY_RULE, ENFORCE, false},
	{WRITE("action: trap"), 1, VERDICT_DENY, EPERM, 0, "w", BY_RULE, ENFORCE, false},
	{"errno: EXDEV\n" WRITE("action: trace"), 1, VERDICT_DENY, EXDEV, 0, "w", BY_RULE, ENFORCE,
	 false},
	{WRITE("action: log"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE, ENFORCE, false},
	/* permissive: would-be verdicts are recorded by the log setting */
	{"mode: permissive\n" WRITE("action: deny"), 1, VERDICT_DENY, EPERM, 0, "w", BY_RULE,
	 PERMISSIVE, true},
	{"mode: permissive\n" WRITE("action: deny, log: none"), 1, VERDICT_DENY, EPERM, 0, "w",
	 BY_RULE, PERMISSIVE, false},
	{"mode: permissive\n" WRITE("action: trap"), 1, VERDICT_DENY, EPERM, 0, "w", BY_RULE,
	 PERMISSIVE, true},
	{"mode: permissive\n" WRITE("action: kill-thread"), 1, VERDICT_KILL, 0, 0, "w", BY_RULE,
	 PERMISSIVE, true},
	{"mode: permissive\nlog: none\n" WRITE("action: trace"), 1, VERDICT_DENY, EPERM, 0, "w",
	 BY_RULE, PERMISSIVE, false},
	{"mode: permissive\n" WRITE("action: log"), 1, VERDICT_ALLOW, 0, 0, "w", BY_RULE,
	 PERMISSIVE, false},
	{"mode: permissive\n" WRITE("action: deny, mode: enforce"), 1, VERDICT_DENY, EPERM, 0, "w",
	 BY_RULE, ENFORCE, true},
	{WRITE("action: kill, mode: permissive"), 1, VERDICT_KILL, 0, 0, "w", BY_RULE, PERMISSIVE,
	 true},
	/* arguments, and the first rule that matches */
	{WRITE("args: {fd: 1}, action: deny"), 2, VERDICT_ALLOW, 0, 0, "", BY_DEFAULT, ENFORCE,
	 false},
	{WRITE("args: {fd: 1}, action: deny"), 0x100000001, VERDICT_DENY, EPERM, 0, "w", BY_RULE,
	 ENFORCE, true},
	{"default: allow\nrules:\n  - {name: a, syscall: write, args: {fd: 1}, action: allow}\n"
	 "  - {name: b, syscall: write, action: deny}\n",
	 1, VERDICT_ALLOW, 0, 0, "a", BY_RULE, ENFORCE, false},
	{"default: allow\nrules:\n  - {name: a, syscall: write, args: {fd: 1}, action: allow}\n"
	 "  - {name: b, syscall: write, action: deny}\n",
	 2, VERDICT_DENY, EPERM, 0, "b", BY_RULE, ENFORCE, true},
	{"default: allow\nrules:\n  - {name: b, syscall: write, action: deny}\n"
	 "  - {name: a, syscall: write, args: {fd: 1}, action: allow}\n",
	 1, VERDICT_DENY, EPERM, 0, "b", BY_RULE, ENFORCE, true},
	{"default: allow\nrules:\n  - {name: a, syscall: write, args: {fd: {ge: 2}}, action: "
	 "allow}\n"
	 "  - {name: b, syscall: write, args: {fd: {le: 2}}, action: kill}\n",
	 2, VERDICT_ALLOW, 0, 0, "a", BY_RULE, ENFORCE, false},
};

static void verdict_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct view *v = view_of(rows[i].profile, NULL);
		struct facts f = call_of("write", rows[i].fd, NULL);
		struct verdict got;

		decide(v, &f, NULL, &got);
		if (got.kind != rows[i].kind || got.err != rows[i].err ||
		    got.value != rows[i].value || strcmp(rule_name(v, &got), rows[i].rule) != 0 ||
		    got.by != rows[i].by || got.mode != rows[i].mode ||
		    got.record != rows[i].record || got.basis != BASIS_REGISTERS)
			fail_msg("row %zu: %s: %s errno %d value %ld rule '%s' by %s mode %s%s", i,
				 rows[i].profile, record_verdict_names[got.kind], got.err,
				 (long)got.value, rule_name(v, &got), record_by_names[got.by],
				 record_mode_names[got.mode], got.record ? " recorded" : "");
		view_free(v);
	}
}

static void arch_test(void **state)
{
	static const struct {
		const char *archs;
		uint32_t arch, nr;
		enum record_verdict kind;
	} calls[] = {
		{"[x86-64]", AUDIT_ARCH_X86_64, 1, VERDICT_DENY},
		{"[x86-64]", AUDIT_ARCH_X86_64, 0x40000001, VERDICT_KILL},
		{"[x86-64]", AUDIT_ARCH_X86_64, 0xc0000001, VERDICT_KILL},
		{"[x86-64]", AUDIT_ARCH_X86_64, 0x80000001, VERDICT_ALLOW},
		{"[x86-64]", AUDIT_ARCH_X86_64, 0xffffffff, VERDICT_ALLOW},
		{"[x86-64]", AUDIT_ARCH_I386, 4, VERDICT_KILL},
		{"[x86-64]", AUDIT_ARCH_RISCV64, 64, VERDICT_KILL},
		{"[x86-64]", 0, 1, VERDICT_KILL},
		{"[x32]", AUDIT_ARCH_X86_64, 1, VERDICT_KILL},
		{"[x32]", AUDIT_ARCH_X86_64, 0x40000001, VERDICT_DENY},
		{"[x32]", AUDIT_ARCH_X86_64, 0xffffffff, VERDICT_ALLOW},
		{"[x86]", AUDIT_ARCH_X86_64, 0xffffffff, VERDICT_KILL},
		{"[x86-64, x32]", AUDIT_ARCH_X86_64, 0x40000001, VERDICT_DENY},
		{"[x86-64, x86]", AUDIT_ARCH_I386, 4, VERDICT_DENY},
		{"[x86-64, x86]", AUDIT_ARCH_I386, 1, VERDICT_ALLOW},
		{"[arm64]", AUDIT_ARCH_AARCH64, 64, VERDICT_DENY},
		{"[arm64]", AUDIT_ARCH_AARCH64, 0xffffffff, VERDICT_ALLOW},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct facts f = {.arch = calls[i].arch, .nr = (int32_t)calls[i].nr};
		struct verdict got;
		struct view *v;
		char text[256];

		(void)snprintf(text, sizeof(text), "architectures: %s\n%s", calls[i].archs,
			       WRITE("action: deny"));
		v = view_of(text, NULL);
		decide(v, &f, NULL, &got);
		if (got.kind != calls[i].kind)
			fail_msg("row %zu: %s", i, record_verdict_names[got.kind]);
		/* One that comes here in spite of the filter is no secret. */
		if (got.kind == VERDICT_KILL)
			assert_true(got.record && got.by == BY_DEFAULT && got.mode == ENFORCE);
		view_free(v);
	}
}

/* A profile that enforces nothing does not kill for the architecture either. */
static void arch_permissive_test(void **state)
{
	static const struct {
		const char *text;
		enum record_mode mode;
	} profiles[] = {
		{"mode: permissive\n" WRITE("action: deny"), PERMISSIVE},
		{"mode: permissive\n" WRITE("action: deny, mode: enforce"), ENFORCE},
		{WRITE("action: deny, mode: permissive"), ENFORCE},
	};
	struct facts f = {.arch = AUDIT_ARCH_I386, .nr = 4};
	struct verdict got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct view *v = view_of(profiles[i].text, NULL);

		decide(v, &f, NULL, &got);
		assert_int_equal(got.kind, VERDICT_KILL);
		assert_int_equal(got.mode, profiles[i].mode);
		decide_failure(v, &got);
		assert_int_equal(got.kind, VERDICT_DENY);
		assert_int_equal(got.mode, profiles[i].mode);
		view_free(v);
	}
}

static void failure_test(void **state)
{
	struct view *v = view_of("default: allow\nerrno: EROFS\nlog: none\n", NULL);
	struct verdict got;

	(void)state;
	decide_failure(v, &got);
	assert_int_equal(got.kind, VERDICT_DENY);
	assert_int_equal(got.err, EROFS);
	assert_int_equal(got.by, BY_FAILURE);
	assert_int_equal(got.mode, ENFORCE);
	assert_int_equal(got.rule, -1);
	assert_true(got.record);
	v->profile->err = 0; /* never a success */
	decide_failure(v, &got);
	assert_int_equal(got.err, EPERM);
	view_free(v);
}

/* ---- operations ------------------------------------------------------------------------ */

#define OPEN(...)  "  - {" __VA_ARGS__ "}\n"
#define OPENS	   "default: deny\nerrno: EUSERS\nrules:\n"
#define READ	   ACCESS_READ
#define READ_WRITE (ACCESS_READ | ACCESS_WRITE)

static const struct {
	const char *profile, *name;
	unsigned access;
	enum record_verdict kind;
	const char *rule;
	enum record_by by;
	enum record_basis basis;
} op_rows[] = {
	{OPENS OPEN("name: r, open: {}, action: allow"), "/etc/x", READ_WRITE, VERDICT_ALLOW, "r",
	 BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {path: /etc/**}, action: allow"), "/etc/a/b", READ,
	 VERDICT_ALLOW, "r", BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {path: /etc/**}, action: allow"), "/usr/x", READ, VERDICT_DENY,
	 "", BY_DEFAULT, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {path: [/srv/*, /etc/*]}, action: allow"), "/etc/x", READ,
	 VERDICT_ALLOW, "r", BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {path: 'pipe:*'}, action: allow"), "pipe:[1]", READ,
	 VERDICT_ALLOW, "r", BY_RULE, BASIS_EMULATED},
	/* an allowance is for no more than it names, a denial for all that it names */
	{OPENS OPEN("name: r, open: {access: read}, action: allow"), "/x", READ, VERDICT_ALLOW, "r",
	 BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {access: read}, action: allow"), "/x", READ_WRITE, VERDICT_DENY,
	 "", BY_DEFAULT, BASIS_EMULATED},
	{OPENS OPEN("name: r, open: {access: [read, write]}, action: allow"), "/x",
	 READ_WRITE | ACCESS_CREATE, VERDICT_DENY, "", BY_DEFAULT, BASIS_EMULATED},
	{OPENS OPEN("name: d, open: {access: write}, action: deny")
		 OPEN("name: r, open: {}, action: allow"),
	 "/x", READ_WRITE, VERDICT_DENY, "d", BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: d, open: {access: write}, action: return, value: 0")
		 OPEN("name: r, open: {}, action: allow"),
	 "/x", READ, VERDICT_ALLOW, "r", BY_RULE, BASIS_EMULATED},
	/* the first rule that matches; its basis */
	{OPENS OPEN("name: d, open: {path: /etc/s*}, action: deny")
		 OPEN("name: r, open: {path: /etc/**}, action: allow"),
	 "/etc/shadow", READ, VERDICT_DENY, "d", BY_RULE, BASIS_EMULATED},
	{OPENS OPEN("name: s, syscall: openat, action: allow")
		 OPEN("name: d, open: {}, action: deny"),
	 "/x", READ, VERDICT_ALLOW, "s", BY_RULE, BASIS_REGISTERS},
	{OPENS OPEN("name: d, open: {path: /x}, action: deny")
		 OPEN("name: s, syscall: openat, action: allow"),
	 "/y", READ, VERDICT_ALLOW, "s", BY_RULE, BASIS_EMULATED},
	/* nothing was found out */
	{OPENS OPEN("name: r, open: {}, action: allow"), NULL, 0, VERDICT_DENY, "", BY_FAILURE,
	 BASIS_EMULATED},
	{OPENS OPEN("name: s, syscall: openat, action: allow")
		 OPEN("name: d, open: {}, action: deny"),
	 NULL, 0, VERDICT_ALLOW, "s", BY_RULE, BASIS_REGISTERS},
};

static void operation_test(void **state)
{
	(void)state;
	profile_operations = true;
	for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
		struct view *v = view_of(op_rows[i].profile, NULL);
		struct facts f = call_of("openat", 0, NULL);
		struct verdict got;

		if (op_rows[i].name)
			f.op = (struct op_facts){OPERATION_OPEN, op_rows[i].access,
						 op_rows[i].name};
		assert_non_null(view_operation(v, ARCH_X86_64, f.nr));
		decide(v, &f, NULL, &got);
		if (got.kind != op_rows[i].kind || got.by != op_rows[i].by ||
		    got.basis != op_rows[i].basis ||
		    strcmp(rule_name(v, &got), op_rows[i].rule) != 0)
			fail_msg("row %zu: %s: %s rule '%s' by %s, %s", i, op_rows[i].profile,
				 record_verdict_names[got.kind], rule_name(v, &got),
				 record_by_names[got.by], record_basis_names[got.basis]);
		view_free(v);
	}
	profile_operations = false;
}

/* A limit is counted when its rule decides, and not while an operation is still to be looked at. */
static void operation_limit_test(void **state)
{
	struct facts f = call_of("openat", 0, NULL);
	struct bucket buckets[1] = {{0}};
	struct verdict got;
	struct view *v;

	(void)state;
	profile_operations = true;
	v = view_of(OPENS OPEN("name: r, open: {}, limit: {rate: 1/s, burst: 1}, action: allow"),
		    NULL);
	decide(v, &f, buckets, &got);
	assert_int_equal(got.by, BY_FAILURE);
	f.op = (struct op_facts){OPERATION_OPEN, READ, "/x"};
	decide(v, &f, buckets, &got);
	assert_int_equal(got.kind, VERDICT_ALLOW);
	decide(v, &f, buckets, &got);
	assert_int_equal(got.kind, VERDICT_DENY);
	assert_int_equal(got.by, BY_DEFAULT);
	view_free(v);
	profile_operations = false;
}

/* What fails whatever the rules say is recorded as a plain allow is. */
static void error_test(void **state)
{
	static const struct {
		const char *profile;
		bool record;
	} profiles[] = {
		{"default: deny\n", false},
		{"default: kill\nlog: each\n", true},
		{"default: deny\nlog: changes\n", true},
		{"default: allow\nlog: none\n", false},
	};
	struct verdict got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct view *v = view_of(profiles[i].profile, NULL);

		decide_error(v, ENOENT, &got);
		assert_int_equal(got.kind, VERDICT_ALLOW);
		assert_int_equal(got.err, ENOENT);
		assert_int_equal(got.by, BY_DEFAULT);
		assert_int_equal(got.basis, BASIS_EMULATED);
		assert_int_equal(got.record, profiles[i].record);
		view_free(v);
	}
}

/* ---- when: fixed at registration --------------------------------------------------- */

static void static_test(void **state)
{
	static const struct {
		const char *when;
		bool holds;
	} whens[] = {
		{"unit: nginx.service", true},
		{"unit: apache.service", false},
		{"unit: [apache.service, 'ng*.service']", true},
		{"slice: system.slice", true},
		{"slice: 'user*.slice'", false},
		{"label: {tier: front}", true},
		{"label: {tier: 'f*'}", true},
		{"label: {tier: back}", false},
		{"label: {tier: [back, front]}", true},
		{"label: {nothing: '*'}", false},
		{"label: {tier: front, zone: b}", false},
		{"label: {tier: front, zone: a}", true},
		{"unit: nginx.service, slice: 'user*.slice'", false},
		{"unit: nginx.service, label: {zone: a}", true},
	};
	char unit[] = "nginx.service", slice[] = "system.slice";
	char tier[] = "tier", front[] = "front", zone[] = "zone", a[] = "a";
	char *keys[] = {tier, zone}, *values[] = {front, a};
	struct identity id = {.unit = unit,
			      .slice = slice,
			      .label_keys = keys,
			      .label_values = values,
			      .n_labels = 2};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whens); i++) {
		struct facts f = call_of("write", 1, NULL);
		struct verdict got;
		struct view *v;
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "default: allow\nrules:\n  - {syscall: write, action: deny, "
			       "when: {%s}}\n",
			       whens[i].when);
		v = view_of(text, &id);
		decide(v, &f, NULL, &got);
		if ((got.kind == VERDICT_DENY) != whens[i].holds || v->dead[0] == whens[i].holds)
			fail_msg("row %zu: %s", i, whens[i].when);
		assert_false(view_uncertain(v, 0));
		view_free(v);
		/* Of a client that is not known yet nothing is ruled out. */
		v = view_of(text, NULL);
		assert_false(v->dead[0]);
		view_free(v);
	}
}

static void static_nobody_test(void **state)
{
	struct identity nobody = {0};
	struct view *v = view_of("default: deny\nrules:\n  - {syscall: write, action: allow, "
				 "when: {unit: 'a*.service'}}\n",
				 &nobody);

	(void)state;
	assert_true(v->dead[0]);
	view_free(v);
	identity_done(&nobody);
}

/* ---- when: the process at the time of the call ---------------------------------------- */

static const struct proc_facts nginx = {
	.tgid = 100, .uid = 33, .gid = 33, .comm = "nginx", .exe = "/usr/sbin/nginx"};
static const struct proc_facts hidden = {
	.tgid = 101, .uid = 33, .gid = 33, .comm = "nginx", .exe = ""};

static void dynamic_test(void **state)
{
	enum want { NO, YES, FAILS };
	static const struct {
		const char *when;
		const struct proc_facts *proc;
		enum want want;
	} whens[] = {
		{"user: 33", &nginx, YES},
		{"user: www-data", &nginx, YES}, /* 33 on Debian */
		{"user: root", &nginx, NO},
		{"user: [root, www-data]", &nginx, YES},
		{"user: 'www-*'", &nginx, YES},
		{"user: 'r*t'", &nginx, NO},
		{"user: '3?'", &nginx, YES},
		{"user: '?'", &nginx, NO},
		{"group: 33", &nginx, YES},
		{"group: root", &nginx, NO},
		{"group: 'www-dat[a]'", &nginx, YES},
		{"group: 'ww?-data'", &nginx, YES},
		{"comm: nginx", &nginx, YES},
		{"comm: 'ng*'", &nginx, YES},
		{"comm: apache2", &nginx, NO},
		{"exe: /usr/sbin/nginx", &nginx, YES},
		{"exe: /usr/bin/nginx", &nginx, NO},
		{"exe: '/usr/*'", &nginx, NO},
		{"exe: '/usr/*/nginx'", &nginx, YES},
		{"exe: '/usr/**'", &nginx, YES},
		{"exe: '/usr/sbin/**'", &nginx, YES},
		{"exe: '/usr/sbin/nginx/**'", &nginx, NO},
		{"exe: '/*/s*/**'", &nginx, YES},
		{"exe: '/**'", &nginx, YES},
		{"exe: '/us/**'", &nginx, NO},
		{"exe: '/usr/sbi/**'", &nginx, NO},
		{"user: 33, group: 33, comm: nginx, exe: '/usr/**'", &nginx, YES},
		{"user: 33, group: 34, comm: nginx, exe: '/usr/**'", &nginx, NO},
		{"exe: '/**'", &hidden, FAILS},
		{"user: root, exe: '/**'", &hidden, NO},
		{"comm: nginx", &hidden, YES},
		{"user: 33", NULL, FAILS},
		{"comm: '*'", NULL, FAILS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whens); i++) {
		struct facts f = call_of("write", 1, whens[i].proc);
		struct verdict got;
		enum want is;
		struct view *v;
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "default: allow\nrules:\n  - {syscall: write, action: deny, "
			       "when: {%s}}\n",
			       whens[i].when);
		v = view_of(text, NULL);
		decide(v, &f, NULL, &got);
		is = got.by == BY_FAILURE ? FAILS : got.by == BY_RULE ? YES : NO;
		if (is != whens[i].want)
			fail_msg("row %zu: %s: %d", i, whens[i].when, (int)is);
		if (is == FAILS)
			assert_true(got.kind == VERDICT_DENY && got.record);
		assert_true(view_uncertain(v, 0));
		assert_true(view_needs_proc(v, ARCH_X86_64, f.nr));
		assert_false(view_needs_proc(v, ARCH_X86_64, f.nr + 1));
		assert_false(view_needs_proc(v, ARCH_X86_64, -1));
		view_free(v);
	}
}

/* The process is not looked at where the registers say no, or a rule before decides. */
static void dynamic_unneeded_test(void **state)
{
	struct view *v = view_of("default: allow\nrules:\n"
				 "  - {syscall: write, args: {fd: 3}, action: deny}\n"
				 "  - {syscall: write, args: {fd: [1, 3]}, action: kill, "
				 "when: {user: root}}\n",
				 NULL);
	struct facts f = call_of("write", 2, NULL);
	struct verdict got;

	(void)state;
	decide(v, &f, NULL, &got);
	assert_int_equal(got.by, BY_DEFAULT);
	f.args[0] = 3;
	decide(v, &f, NULL, &got);
	assert_int_equal(got.rule, 0);
	f.args[0] = 1;
	decide(v, &f, NULL, &got);
	assert_int_equal(got.by, BY_FAILURE);
	view_free(v);
}

/* A rule that is dead for this client needs nothing. */
static void dead_dynamic_test(void **state)
{
	struct identity nobody = {0};
	struct view *v = view_of("default: allow\nrules:\n  - {syscall: write, action: deny, "
				 "when: {unit: a.service, user: root}}\n",
				 &nobody);
	struct facts f = call_of("write", 1, NULL);
	struct verdict got;

	(void)state;
	assert_false(view_uncertain(v, 0));
	assert_false(view_needs_proc(v, ARCH_X86_64, f.nr));
	decide(v, &f, NULL, &got);
	assert_int_equal(got.by, BY_DEFAULT);
	view_free(v);
}

/* ---- limit ------------------------------------------------------------------------------ */

static void limit_test(void **state)
{
	static const struct {
		uint64_t ms; /* since the beginning */
		uint64_t fd;
		bool matches;
	} calls[] = {
		{0, 1, true},	   {0, 1, true},      {0, 1, true},
		{0, 1, false},					       /* burst 3 */
		{0, 2, false},					       /* another fd */
		{99, 1, false},	   {101, 1, true},    {101, 1, false}, /* 10/s */
		{301, 1, true},	   {301, 1, true},    {301, 1, false},
		{60000, 1, true},  {60000, 1, true},  {60000, 1, true},
		{60000, 1, false}, {59000, 1, false}, /* time never goes back; a token is not made
							 of it */
	};
	struct view *v = view_of("default: deny\nrules:\n  - {syscall: write, args: {fd: 1}, "
				 "action: allow, limit: {rate: 10/s, burst: 3}}\n",
				 NULL);
	struct bucket bucket = {0};

	(void)state;
	assert_true(view_uncertain(v, 0));
	assert_false(view_needs_proc(v, ARCH_X86_64, syscall_nr(ARCH_X86_64, "write")));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct facts f = call_of("write", calls[i].fd, NULL);
		struct verdict got;

		f.now_ns = SECOND + calls[i].ms * 1000000;
		decide(v, &f, &bucket, &got);
		if ((got.by == BY_RULE) != calls[i].matches)
			fail_msg("row %zu: by %s", i, record_by_names[got.by]);
	}
	view_free(v);
}

static void limit_without_bucket_test(void **state)
{
	struct view *v = view_of("default: allow\nrules:\n  - {syscall: write, action: allow, "
				 "limit: {rate: 10/s, burst: 3}}\n",
				 NULL);
	struct facts f = call_of("write", 1, NULL);
	struct verdict got;

	(void)state;
	decide(v, &f, NULL, &got);
	assert_int_equal(got.by, BY_FAILURE);
	assert_int_equal(got.kind, VERDICT_DENY);
	view_free(v);
}

/* The clock may be at 0: the bucket must not be full for ever. */
static void limit_at_zero_test(void **state)
{
	struct view *v = view_of("default: deny\nrules:\n  - {syscall: write, action: allow, "
				 "limit: {rate: 10/s, burst: 1}}\n",
				 NULL);
	struct facts f = call_of("write", 1, NULL);
	struct bucket bucket = {0};
	struct verdict got;

	(void)state;
	f.now_ns = 0;
	decide(v, &f, &bucket, &got);
	assert_int_equal(got.by, BY_RULE);
	decide(v, &f, &bucket, &got);
	assert_int_equal(got.by, BY_DEFAULT);
	view_free(v);
}

/* No token goes where another condition does not hold. */
static void limit_and_when_test(void **state)
{
	struct view *v = view_of("default: deny\nrules:\n  - {syscall: write, action: allow, "
				 "when: {comm: nginx}, limit: {rate: 1/s, burst: 1}}\n",
				 NULL);
	struct proc_facts other = {.comm = "other", .exe = ""};
	struct facts f = call_of("write", 1, &other);
	struct bucket bucket = {0};
	struct verdict got;

	(void)state;
	for (int i = 0; i < 5; i++) {
		decide(v, &f, &bucket, &got);
		assert_int_equal(got.by, BY_DEFAULT);
	}
	f.proc = &nginx;
	decide(v, &f, &bucket, &got);
	assert_int_equal(got.by, BY_RULE);
	decide(v, &f, &bucket, &got);
	assert_int_equal(got.by, BY_DEFAULT);
	view_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cond_test),
		cmocka_unit_test(cond_lists_test),
		cmocka_unit_test(verdict_test),
		cmocka_unit_test(arch_test),
		cmocka_unit_test(arch_permissive_test),
		cmocka_unit_test(failure_test),
		cmocka_unit_test(operation_test),
		cmocka_unit_test(operation_limit_test),
		cmocka_unit_test(error_test),
		cmocka_unit_test(static_test),
		cmocka_unit_test(static_nobody_test),
		cmocka_unit_test(dynamic_test),
		cmocka_unit_test(dynamic_unneeded_test),
		cmocka_unit_test(dead_dynamic_test),
		cmocka_unit_test(limit_test),
		cmocka_unit_test(limit_without_bucket_test),
		cmocka_unit_test(limit_at_zero_test),
		cmocka_unit_test(limit_and_when_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
