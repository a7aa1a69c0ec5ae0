/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * yaml.h - a YAML file as nodes with their positions, and what reads values
 * from them. Everything that is wrong goes to the diag as FILE:LINE:COLUMN.
 */
#ifndef SECCOMPD_DAEMON_YAML_H
#define SECCOMPD_DAEMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "daemon/diag.h"

#define YAML_FILE_MAX  ((size_t)1024 * 1024)
#define YAML_DEPTH_MAX 32
#define YAML_KEYS_MAX  256 /* of one mapping */

struct yaml_file {
	const char *name; /* borrowed, as diagnostics show it */
	struct diag *diag;
	yaml_document_t doc;
	bool loaded;
	unsigned errors; /* counted here, because a diag keeps only so many */
	unsigned archs;	 /* ARCH_BITs that constants are for; the native one until set */
};

/* The whole of the regular file PATH, NUL-terminated. 0 or -errno with an item in D; -ENOENT
 * without one. Never waits: a FIFO, a device, a directory is refused. */
int yaml_read(const char *path, char **ret, size_t *ret_len, struct diag *d);

/*
 * TEXT to nodes: UTF-8, one document, no aliases, anchors or tags. 0 where there are nodes to walk
 * (the root is not NULL), with errors counted for duplicate keys, keys that are no scalars, NUL
 * characters: the walk goes on to find the rest. Else -EINVAL or -ENOMEM with an item in D.
 */
int yaml_file_parse(struct yaml_file *f, const char *name, const char *text, size_t len,
		    struct diag *d);
void yaml_file_done(struct yaml_file *f);
const yaml_node_t *yaml_file_root(struct yaml_file *f);

void yaml_error(struct yaml_file *f, const yaml_node_t *at, const char *fmt, ...) _printf_(3, 4);
/* The same, OFFSET bytes into the scalar AT. */
void yaml_error_in(struct yaml_file *f, const yaml_node_t *at, size_t offset, const char *fmt, ...)
	_printf_(4, 5);
unsigned yaml_line(const yaml_node_t *n);
unsigned yaml_column(const yaml_node_t *n);
/* The text of a scalar that is known to be one. */
const char *yaml_text(const yaml_node_t *n);
bool yaml_is_map(const yaml_node_t *n);

/* A key that a mapping may have. PARSE gets the nodes of key and value. */
struct yaml_key {
	const char *name;
	void (*parse)(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		      void *data);
	bool required;
};
/* Calls PARSE for each key that NODE has. Errors: no mapping, an unknown key, a required one that
 * is missing. WHAT: "a rule". False where NODE is no mapping at all. */
bool yaml_walk(struct yaml_file *f, const yaml_node_t *node, const char *what,
	       const struct yaml_key *keys, size_t n, void *data);

/* Pairs of a mapping, whatever its keys. 0 with an error where NODE is none. */
size_t yaml_pairs(struct yaml_file *f, const yaml_node_t *node, const char *what);
void yaml_pair(struct yaml_file *f, const yaml_node_t *node, size_t i, const yaml_node_t **ret_key,
	       const yaml_node_t **ret_value);

/* Items of a list; a scalar is a list of one. 0 with an error for an empty list or a mapping. */
size_t yaml_items(struct yaml_file *f, const yaml_node_t *node, const char *what);
const yaml_node_t *yaml_item(struct yaml_file *f, const yaml_node_t *node, size_t i);

/* Values. WHAT is what was expected ("a number"). All: false (NULL, -1) with an error. */
const char *yaml_scalar(struct yaml_file *f, const yaml_node_t *n, const char *what);
int yaml_enum(struct yaml_file *f, const yaml_node_t *n, const char *what, const char *const *names,
	      size_t n_names);
/* Is it one of the words that yaml_bool() takes? */
bool yaml_is_bool(const yaml_node_t *n);
bool yaml_bool(struct yaml_file *f, const yaml_node_t *n, bool *ret);
bool yaml_unsigned(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min,
		   uint64_t max, uint64_t *ret);
/* "10ms", "30s", "5m", "2h", "30d", "1w", or 0. */
bool yaml_duration(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min_ms,
		   uint64_t max_ms, uint64_t *ret_ms);
/* "4096", "64K", "4M", "1G", "1T". */
bool yaml_size(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min,
	       uint64_t max, uint64_t *ret);

/* An integer of -2^63 .. 2^64-1. */
struct yaml_number {
	bool negative;
	uint64_t magnitude;
};
/* Decimal, 0x, 0o, or constants of the manual pages; A|B for non-negative ones. A constant that
 * differs between the file's architectures is an error. */
bool yaml_number(struct yaml_file *f, const yaml_node_t *n, struct yaml_number *ret);
/* Digits of S, the whole of it. 0, -EINVAL, or -ERANGE. */
int yaml_digits(const char *s, size_t len, unsigned base, uint64_t *ret);
/* errno by name or number. 0 with an error. */
int yaml_errno(struct yaml_file *f, const yaml_node_t *n);

#endif
