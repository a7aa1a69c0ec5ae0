/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile_rule.c - one rule of a profile */
#include <string.h>

#include "daemon/profile_build.h"

#define RULE_NAME_MAX 64

bool profile_operations;

struct rule_build {
	struct build *b;
	struct rule *r;
	const yaml_node_t *subject; /* key of the first one */
	bool several;		    /* more than one subject: told */
	const yaml_node_t *syscall; /* value, where it is the subject */
	const yaml_node_t *op_key, *op;
	const yaml_node_t *args; /* key and value */
	const yaml_node_t *args_value;
	const yaml_node_t *action, *err, *value, *log, *racy; /* keys; NULL: not given */
	bool have_action;				      /* and it is a known one */
};

static void rule_name_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct rule_build *rb = data;
	const char *s = yaml_scalar(f, value, "a name");

	(void)key;
	if (!s)
		return;
	if (strlen(s) > RULE_NAME_MAX) {
		yaml_error(f, value, "a name of %zu bytes, expected at most %d", strlen(s),
			   RULE_NAME_MAX);
		return;
	}
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p >= ' ' && *p != 0x7f)
			continue;
		yaml_error(f, value, "a control character in a name");
		return;
	}
	rb->r->name = arena_strdup(rb->b->p->arena, s);
}

static bool rule_subject(struct yaml_file *f, const yaml_node_t *key, struct rule_build *rb)
{
	if (rb->subject) {
		yaml_error(f, key, "a rule has one subject, but '%s' is given beside '%s'",
			   yaml_text(key), yaml_text(rb->subject));
		rb->several = true;
		return false;
	}
	rb->subject = key;
	return true;
}

static void rule_syscall_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			    void *data)
{
	struct rule_build *rb = data;

	if (rule_subject(f, key, rb))
		rb->syscall = value;
}

static void rule_operation_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			      void *data)
{
	struct rule_build *rb = data;

	if (!profile_operations)
		yaml_error(f, key, "operation '%s' is not supported yet, expected 'syscall'",
			   yaml_text(key));
	if (!rule_subject(f, key, rb))
		return;
	rb->op_key = key;
	rb->op = value;
}

static void rule_args_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct rule_build *rb = data;

	(void)f;
	rb->args = key;
	rb->args_value = value;
}

static void rule_when_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct rule_build *rb = data;

	(void)key;
	profile_when_parse(rb->b, f, value, rb->r);
}

static void rule_limit_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct rule_build *rb = data;

	(void)key;
	profile_limit_parse(f, value, rb->r);
}

static void rule_action_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct rule_build *rb = data;
	int action = yaml_enum(f, value, "an action", action_names, ACTION_MAX);

	(void)key;
	rb->action = value;
	if (action < 0)
		return;
	if (action == ACTION_ASK)
		yaml_error(f, value, "action 'ask' is not supported yet");
	rb->r->action = (enum action)action;
	rb->have_action = true;
}

static void rule_errno_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct rule_build *rb = data;

	rb->err = key;
	rb->r->err = yaml_errno(f, value);
}

static void rule_value_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct rule_build *rb = data;
	struct yaml_number x;

	rb->value = key;
	if (!yaml_number(f, value, &x))
		return;
	if (!x.negative && x.magnitude > INT64_MAX)
		yaml_error(f, value, "'%.60s' is out of range, expected a signed 64-bit number",
			   yaml_text(value));
	else if (x.negative && x.magnitude <= 4095)
		yaml_error(f, value,
			   "a value of -4095 to -1 is an error; use 'action: deny' with "
			   "'errno'");
	rb->r->value = (int64_t)(x.negative ? -x.magnitude : x.magnitude);
}

static void rule_log_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			void *data)
{
	struct rule_build *rb = data;
	int log = yaml_enum(f, value, "a log setting", log_mode_names, LOG_MODE_MAX);

	(void)key;
	if (log < 0)
		return;
	rb->log = value;
	rb->r->log = (enum log_mode)log;
}

static void rule_mode_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct rule_build *rb = data;
	int mode = yaml_enum(f, value, "a mode", record_mode_names, MODE_MAX);

	(void)key;
	if (mode >= 0)
		rb->r->mode = (enum record_mode)mode;
}

static void rule_racy_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct rule_build *rb = data;

	rb->racy = key;
	(void)yaml_bool(f, value, &rb->r->racy);
}

static const struct yaml_key rule_keys[] = {
	{"name", rule_name_cb, false},	    {"syscall", rule_syscall_cb, false},
	{"open", rule_operation_cb, false}, {"connect", rule_operation_cb, false},
	{"bind", rule_operation_cb, false}, {"send", rule_operation_cb, false},
	{"exec", rule_operation_cb, false}, {"modify", rule_operation_cb, false},
	{"args", rule_args_cb, false},	    {"when", rule_when_cb, false},
	{"limit", rule_limit_cb, false},    {"action", rule_action_cb, true},
	{"errno", rule_errno_cb, false},    {"value", rule_value_cb, false},
	{"log", rule_log_cb, false},	    {"mode", rule_mode_cb, false},
	{"racy", rule_racy_cb, false},
};

/* Keys that contradict one another. */
static void rule_check(struct yaml_file *f, const yaml_node_t *node, struct rule_build *rb)
{
	enum action action = rb->r->action;

	if (!rb->subject)
		yaml_error(f, node, "a rule needs a subject, expected the key 'syscall'");
	if (rb->args && rb->subject && !rb->syscall)
		yaml_error(f, rb->args,
			   "'args' matches registers, expected it beside 'syscall' only");
	if (rb->racy && rb->subject && rb->syscall)
		yaml_error(f, rb->racy,
			   "'racy' has no meaning for a rule on 'syscall': registers "
			   "cannot change");
	if (!rb->have_action)
		return;
	if (rb->err && action != ACTION_DENY)
		yaml_error(f, rb->err, "'errno' goes with action deny, not with %s",
			   action_names[action]);
	if (rb->value && action != ACTION_RETURN)
		yaml_error(f, rb->value, "'value' goes with action return, not with %s",
			   action_names[action]);
	if (!rb->value && action == ACTION_RETURN)
		yaml_error(f, rb->action, "action return needs the key 'value'");
	if (rb->log && rb->r->log != LOG_MODE_NONE && action_kernel_only(action))
		yaml_error(
			f, rb->log,
			"action %s is the kernel's alone and leaves no record, expected log: none "
			"or no 'log' at all",
			action_names[action]);
}

void profile_rule_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			unsigned index, const char *auto_name)
{
	struct rule *r = &b->p->rules[index];
	struct rule_build rb = {.b = b, .r = r};
	struct args args = {0};

	*r = (struct rule){
		.file = r->file,
		.line = yaml_line(node),
		.column = yaml_column(node),
		.err = b->p->err,
		.log = b->p->log,
		.mode = b->p->mode,
	};
	if (!yaml_walk(f, node, "a rule", rule_keys, ARRAY_SIZE(rule_keys), &rb))
		return;
	rule_check(f, node, &rb);
	if (!r->name)
		r->name = arena_strdup(b->p->arena, auto_name);
	if (rb.have_action && action_kernel_only(r->action))
		r->log = LOG_MODE_NONE;
	if (rb.syscall && rb.args)
		profile_args_parse(b, f, rb.args_value, &args);
	if (rb.syscall)
		profile_calls_add(b, f, rb.syscall, &args, index);
	if (rb.op)
		profile_op_parse(b, f, rb.op_key, rb.op, index);
}
