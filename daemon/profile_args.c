/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile_args.c - conditions on the arguments of system calls */
#include <string.h>

#include "daemon/profile_build.h"

enum arg_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_ALL, OP_NONE, OP_ANY, OP_MASK, OP_MAX };

static const char *const arg_op_names[OP_MAX] = {
	[OP_EQ] = "eq", [OP_NE] = "ne",	  [OP_LT] = "lt",     [OP_LE] = "le",	[OP_GT] = "gt",
	[OP_GE] = "ge", [OP_ALL] = "all", [OP_NONE] = "none", [OP_ANY] = "any", [OP_MASK] = "mask",
};

struct arg_map {
	const yaml_node_t *v[OP_MAX];
};

static void arg_op_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		      void *data)
{
	struct arg_map *m = data;

	(void)f;
	for (size_t i = 0; i < OP_MAX; i++)
		if (strcmp(arg_op_names[i], yaml_text(key)) == 0)
			m->v[i] = value;
}

static const struct yaml_key arg_op_keys[] = {
	{"eq", arg_op_cb, false},   {"ne", arg_op_cb, false},	{"lt", arg_op_cb, false},
	{"le", arg_op_cb, false},   {"gt", arg_op_cb, false},	{"ge", arg_op_cb, false},
	{"all", arg_op_cb, false},  {"none", arg_op_cb, false}, {"any", arg_op_cb, false},
	{"mask", arg_op_cb, false},
};

/* Where nothing was added because of an error, the argument counts as told. */
static void arg_add(struct arg *arg, enum cmp_op op, const yaml_node_t *at, struct yaml_number mask,
		    struct yaml_number value)
{
	arg->cmps[arg->n++] = (struct arg_cmp){.op = op, .at = at, .mask = mask, .value = value};
}

/* One value or a list, each compared with OP. */
static void arg_values(struct yaml_file *f, const yaml_node_t *node, enum cmp_op op,
		       struct arg *arg)
{
	size_t n = yaml_items(f, node, "a value or a list of values");

	arg->bad |= n == 0;
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *item = yaml_item(f, node, i);
		struct yaml_number x;

		if (yaml_number(f, item, &x))
			arg_add(arg, op, item, (struct yaml_number){0}, x);
		else
			arg->bad = true;
	}
}

/* Flags, joined: a value, A|B or a list. */
static bool arg_bits(struct yaml_file *f, const yaml_node_t *node, struct arg *arg,
		     struct yaml_number *ret)
{
	size_t n = yaml_items(f, node, "flags");
	bool good = n > 0;

	*ret = (struct yaml_number){0};
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *item = yaml_item(f, node, i);
		struct yaml_number x;

		if (!yaml_number(f, item, &x)) {
			good = false;
		} else if (x.negative) {
			yaml_error(f, item, "'%.60s' is negative, expected flags", yaml_text(item));
			good = false;
		} else {
			ret->magnitude |= x.magnitude;
		}
	}
	if (good && ret->magnitude == 0) {
		yaml_error(f, node, "no bit is set, expected at least one");
		good = false;
	}
	arg->bad |= !good;
	return good;
}

static void arg_flags(struct yaml_file *f, const struct arg_map *m, struct arg *arg)
{
	struct yaml_number all = {0}, bits;

	if (m->v[OP_ALL] && arg_bits(f, m->v[OP_ALL], arg, &all))
		arg_add(arg, CMP_MASK_EQ, m->v[OP_ALL], all, all);
	if (m->v[OP_ANY] && arg_bits(f, m->v[OP_ANY], arg, &bits))
		arg_add(arg, CMP_MASK_NE, m->v[OP_ANY], bits, (struct yaml_number){0});
	if (!m->v[OP_NONE] || !arg_bits(f, m->v[OP_NONE], arg, &bits))
		return;
	if (all.magnitude & bits.magnitude) {
		yaml_error(f, m->v[OP_NONE],
			   "can never hold: 0x%llx is wanted by 'all' and forbidden by 'none'",
			   (unsigned long long)(all.magnitude & bits.magnitude));
		arg->bad = true;
		return;
	}
	arg_add(arg, CMP_MASK_EQ, m->v[OP_NONE], bits, (struct yaml_number){0});
}

/* `mask` with `eq` or `ne`, which then compare the masked value. */
static void arg_mask(struct yaml_file *f, const struct arg_map *m, struct arg *arg)
{
	static const enum arg_op ops[] = {OP_EQ, OP_NE};
	struct yaml_number mask, x;

	if (!arg_bits(f, m->v[OP_MASK], arg, &mask))
		return;
	if (!m->v[OP_EQ] && !m->v[OP_NE]) {
		yaml_error(f, m->v[OP_MASK],
			   "'mask' says what to look at, expected 'eq' or 'ne' "
			   "beside it");
		arg->bad = true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const yaml_node_t *v = m->v[ops[i]];

		if (!v)
			continue;
		if (!yaml_number(f, v, &x)) {
			arg->bad = true;
		} else if (x.negative || (x.magnitude & ~mask.magnitude)) {
			yaml_error(f, v,
				   "'%.60s' has bits that 'mask' leaves out, so it can never "
				   "be equal",
				   yaml_text(v));
			arg->bad = true;
		} else {
			arg_add(arg, ops[i] == OP_EQ ? CMP_MASK_EQ : CMP_MASK_NE, v, mask, x);
		}
	}
}

/* Cuts [LOW, HIGH] to what OP X leaves; false where nothing is left. */
static bool arg_narrow(enum arg_op op, uint64_t x, uint64_t *low, uint64_t *high)
{
	if ((op == OP_LT && x == 0) || (op == OP_GT && x == UINT64_MAX))
		return false;
	if (op == OP_LT)
		x--;
	if (op == OP_GT)
		x++;
	if (op == OP_LT || op == OP_LE)
		*high = x < *high ? x : *high;
	else
		*low = x > *low ? x : *low;
	return *low <= *high;
}

/* lt, le, gt, ge: unsigned, so a negative bound means something else than it says. */
static void arg_bounds(struct yaml_file *f, const struct arg_map *m, struct arg *arg)
{
	static const enum cmp_op ops[] = {
		[OP_LT] = CMP_LT, [OP_LE] = CMP_LE, [OP_GT] = CMP_GT, [OP_GE] = CMP_GE};
	uint64_t low = 0, high = UINT64_MAX;

	for (enum arg_op op = OP_LT; op <= OP_GE; op++) {
		const yaml_node_t *v = m->v[op];
		struct yaml_number x;

		if (!v)
			continue;
		if (!yaml_number(f, v, &x)) {
			arg->bad = true;
		} else if (x.negative) {
			yaml_error(f, v,
				   "'%.60s' is negative, but arguments are ordered as unsigned "
				   "numbers",
				   yaml_text(v));
			arg->bad = true;
		} else if (!arg_narrow(op, x.magnitude, &low, &high)) {
			yaml_error(f, v, "can never hold: no unsigned number is in this range");
			arg->bad = true;
			return;
		} else {
			arg_add(arg, ops[op], v, (struct yaml_number){0}, x);
		}
	}
}

static void arg_mapping(struct yaml_file *f, const yaml_node_t *node, const struct arg_map *m,
			struct arg *arg)
{
	if (node->data.mapping.pairs.start == node->data.mapping.pairs.top) {
		yaml_error(f, node, "an empty condition, expected for example {ge: 4096}");
		arg->bad = true;
	}
	if (m->v[OP_MASK]) {
		arg_mask(f, m, arg);
	} else {
		if (m->v[OP_EQ]) {
			struct yaml_number x;

			if (yaml_number(f, m->v[OP_EQ], &x))
				arg_add(arg, CMP_EQ, m->v[OP_EQ], (struct yaml_number){0}, x);
			else
				arg->bad = true;
		}
		if (m->v[OP_NE])
			arg_values(f, m->v[OP_NE], CMP_NE, arg);
	}
	arg_bounds(f, m, arg);
	arg_flags(f, m, arg);
}

/* Room for every comparison that NODE can give; 0 with an error for too many. */
static size_t arg_capacity(struct yaml_file *f, const yaml_node_t *node)
{
	size_t n = 1;

	if (node->type == YAML_SEQUENCE_NODE)
		n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n > PROFILE_VALUES_MAX) {
		yaml_error(f, node, "%zu values, expected at most %d", n, PROFILE_VALUES_MAX);
		return 0;
	}
	return n + OP_MAX;
}

static void arg_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
		      struct arg *arg)
{
	struct arg_map m = {0};
	bool mapping = yaml_is_map(node);
	size_t capacity;
	unsigned errors = f->errors;

	if (mapping)
		(void)yaml_walk(f, node, "a condition", arg_op_keys, ARRAY_SIZE(arg_op_keys), &m);
	capacity = arg_capacity(f, m.v[OP_NE] ? m.v[OP_NE] : node);
	if (capacity > 0)
		arg->cmps = arena_alloc(b->scratch, capacity, sizeof(*arg->cmps));
	if (!arg->cmps) {
		arg->bad = true;
		return;
	}
	if (mapping) {
		arg_mapping(f, node, &m, arg);
	} else {
		arg_values(f, node, CMP_EQ, arg);
		arg->any = arg->n > 1;
	}
	arg->bad |= f->errors != errors;
}

void profile_args_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			struct args *ret)
{
	size_t n = yaml_pairs(f, node, "arguments (name: condition)");

	if (n > PROFILE_ARGS_MAX) {
		yaml_error(f, node, "%zu arguments, expected at most %d", n, PROFILE_ARGS_MAX);
		n = PROFILE_ARGS_MAX;
	}
	for (size_t i = 0; i < n; i++) {
		struct arg *arg = &ret->arg[ret->n];
		const yaml_node_t *value;

		yaml_pair(f, node, i, &arg->key, &value);
		if (arg->key->type != YAML_SCALAR_NODE)
			continue;
		arg->name = yaml_text(arg->key);
		arg_parse(b, f, value, arg);
		ret->n++;
	}
}

static void arg_unknown(struct yaml_file *f, struct arg *arg, const char *call)
{
	const char *names[6], *near;
	char list[256] = "";
	size_t n = 0, used = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = syscall_arg_name(call, i);

		if (!name)
			break;
		names[n++] = name;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", name);
	}
	near = suggest_among(arg->name, names, n);
	if (near)
		yaml_error(f, arg->key,
			   "system call '%s' has no argument '%.60s'; did you mean '%s'?", call,
			   arg->name, near);
	else
		yaml_error(f, arg->key, "system call '%s' has no argument '%.60s', expected %s%s",
			   call, arg->name,
			   n > 1 ? "one of: "
			   : n	 ? ""
				 : "arg0 to arg5",
			   list);
}

/* X as a register of WIDTH bits holds it. Two's complement for negative numbers, where they can
 * be meant: the 16-bit arguments are modes and old user numbers. */
static bool arg_fit(const struct yaml_number *x, unsigned width, uint64_t *ret)
{
	uint64_t max = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;

	if (x->negative ? width < 32 || x->magnitude > (max >> 1) + 1 : x->magnitude > max)
		return false;
	*ret = (x->negative ? -x->magnitude : x->magnitude) & max;
	return true;
}

/* Do all values of ARG fit WIDTH bits? Else false with its error. */
static bool arg_fits(struct yaml_file *f, struct arg *arg, unsigned width, const char *call)
{
	uint64_t ignored;

	for (unsigned i = 0; i < arg->n; i++) {
		const struct arg_cmp *c = &arg->cmps[i];

		if (arg_fit(&c->value, width, &ignored) && arg_fit(&c->mask, width, &ignored))
			continue;
		yaml_error(
			f, c->at,
			"does not fit argument '%.60s' of %s, of which the kernel looks at %u bits",
			arg->name, call, width);
		arg->bad = true;
		return false;
	}
	return true;
}

static bool arg_fill(struct build *b, const struct arg *arg, struct cond *cond)
{
	cond->any = arg->any;
	cond->n_cmps = arg->n;
	cond->cmps = arena_alloc(b->p->arena, arg->n, sizeof(*cond->cmps));
	for (unsigned i = 0; i < arg->n && cond->cmps; i++) {
		cond->cmps[i].op = arg->cmps[i].op;
		(void)arg_fit(&arg->cmps[i].mask, cond->width, &cond->cmps[i].mask);
		(void)arg_fit(&arg->cmps[i].value, cond->width, &cond->cmps[i].value);
	}
	return cond->cmps != NULL;
}

/* Where ARG is, or false with its error. */
static bool arg_locate(struct yaml_file *f, struct arg *arg, enum arch a, const char *call,
		       unsigned *ret_index, unsigned *ret_width)
{
	int r;

	if (arg->bad)
		return false;
	r = syscall_arg(a, call, arg->name, ret_index, ret_width);
	if (r == 0)
		return true;
	arg->bad = true;
	if (r == -EOPNOTSUPP)
		yaml_error(f, arg->key,
			   "argument '%.60s' of %s is not in one register on %s, so it cannot be "
			   "matched there; leave %s out of 'architectures'",
			   arg->name, call, arch_names[a], arch_names[a]);
	else
		arg_unknown(f, arg, call);
	return false;
}

/* Most calls of a rule have their arguments alike: they share the conditions. */
static struct cond *args_shared(const struct args *args, const struct args_shape *shape)
{
	for (unsigned i = 0; i < args->n_shapes; i++)
		if (memcmp(args->shapes[i].where, shape->where, sizeof(shape->where)) == 0)
			return args->shapes[i].conds;
	return NULL;
}

int profile_args_resolve(struct build *b, struct yaml_file *f, struct args *args, enum arch a,
			 const char *name, struct cond **ret)
{
	struct args_shape shape = {0};
	bool good = true;

	for (unsigned i = 0; i < args->n; i++) {
		unsigned index = 0, width = 0;

		if (!arg_locate(f, &args->arg[i], a, name, &index, &width) ||
		    !arg_fits(f, &args->arg[i], width, name))
			good = false;
		shape.where[i][0] = (uint8_t)index;
		shape.where[i][1] = (uint8_t)width;
	}
	if (!good)
		return -EINVAL;
	*ret = args_shared(args, &shape);
	if (*ret)
		return 0;
	*ret = shape.conds = arena_alloc(b->p->arena, args->n, sizeof(**ret));
	for (unsigned i = 0; i < args->n && shape.conds; i++) {
		shape.conds[i].arg = shape.where[i][0];
		shape.conds[i].width = shape.where[i][1];
		good &= arg_fill(b, &args->arg[i], &shape.conds[i]);
	}
	if (!good || !shape.conds)
		return -ENOMEM;
	if (args->n_shapes < ARRAY_SIZE(args->shapes))
		args->shapes[args->n_shapes++] = shape;
	return 0;
}
