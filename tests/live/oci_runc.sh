#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# oci_runc.sh - runc's containers as clients.
runtime=runc
never_notified=write # it passes the descriptor on with it
. "${srcdir:-.}/tests/live/oci.sh"
