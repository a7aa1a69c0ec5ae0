/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libseccomp_order.c - why filter.c makes its BPF by itself: what libseccomp's rule compiler does
 * with 32-bit arguments and with overlapping rules
 *
 * Should one of these fail with a newer libseccomp, the reason is gone, and filter.c's theory of
 * operation wants another look.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <seccomp.h>

#include "daemon/filter.h"

#define WRITE	 1 /* of x86-64 */
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

/* The program that libseccomp makes of CTX, which is released. */
static int export(scmp_filter_ctx ctx, struct filter *ret)
{
	_cleanup_close_ int fd = memfd_create("bpf", MFD_CLOEXEC);
	struct stat st;
	int r = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	seccomp_release(ctx);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	ret->n = (size_t)st.st_size / sizeof(*ret->insns);
	ret->insns = malloc((size_t)st.st_size + 1);
	if (!ret->insns || pread(fd, ret->insns, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	return 0;
}

static scmp_filter_ctx x86_64(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return NULL;
	if (seccomp_arch_native() != SCMP_ARCH_X86_64 &&
	    (seccomp_arch_add(ctx, SCMP_ARCH_X86_64) < 0 ||
	     seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) < 0)) {
		seccomp_release(ctx);
		return NULL;
	}
	return ctx;
}

static uint32_t run_write(const struct filter *f, uint64_t fd)
{
	const uint64_t args[6] = {fd};

	return filter_run(f, AUDIT_ARCH_X86_64, WRITE, args, 0);
}

/* The kernel takes the lower half of the register for the descriptor; the comparator that is
 * called 32-bit cuts the value that it compares with, not the register. */
static bool lets_upper_half_by(void)
{
	_cleanup_(filter_done) struct filter f = {0};
	scmp_filter_ctx ctx = x86_64();

	if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(write), 1,
				     SCMP_A0_32(SCMP_CMP_EQ, 1, 0)) < 0)
		return false;
	if (export(ctx, &f) < 0)
		return false;
	return run_write(&f, 1) == ERRNO(EINVAL) && run_write(&f, 0x100000001) == SECCOMP_RET_ALLOW;
}

/* First "fd 1: EINVAL", then "any: EIO": the first is gone. */
static bool forgets_first_rule(void)
{
	_cleanup_(filter_done) struct filter f = {0};
	scmp_filter_ctx ctx = x86_64();

	if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(write), 1,
				     SCMP_A0(SCMP_CMP_EQ, 1, 0)) < 0)
		return false;
	/* Refusing the second rule would do as well: the profile cannot be expressed. */
	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EIO), SCMP_SYS(write), 0) < 0) {
		seccomp_release(ctx);
		return true;
	}
	if (export(ctx, &f) < 0)
		return false;
	return run_write(&f, 1) == ERRNO(EIO) && run_write(&f, 2) == ERRNO(EIO);
}

/* "fd at least 3: EINVAL", then "fd at least 1: EIO", and the other way round: the order in which
 * rules were added does not decide. */
static bool order_is_lost(void)
{
	_cleanup_(filter_done) struct filter one = {0}, other = {0};
	scmp_filter_ctx ctx = x86_64();

	if (!ctx ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(write), 1,
			     SCMP_A0(SCMP_CMP_GE, 3, 0)) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EIO), SCMP_SYS(write), 1,
			     SCMP_A0(SCMP_CMP_GE, 1, 0)) < 0 ||
	    export(ctx, &one) < 0)
		return false;
	ctx = x86_64();
	if (!ctx ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EIO), SCMP_SYS(write), 1,
			     SCMP_A0(SCMP_CMP_GE, 1, 0)) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(write), 1,
			     SCMP_A0(SCMP_CMP_GE, 3, 0)) < 0 ||
	    export(ctx, &other) < 0)
		return false;
	return run_write(&one, 5) == run_write(&other, 5);
}

static int report(unsigned number, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", number, name);
	return good ? 0 : 1;
}

int main(void)
{
	int bad = 0;

	printf("1..3\n");
	bad |= report(1, lets_upper_half_by(), "write(0x100000001) gets by SCMP_A0_32(EQ, 1)");
	bad |= report(2, forgets_first_rule(), "an unconditional rule swallows an earlier one");
	bad |= report(3, order_is_lost(), "the order of overlapping rules makes no difference");
	return bad;
}
