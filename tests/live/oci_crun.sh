#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# oci_crun.sh - crun's containers as clients.
runtime=crun
. "${srcdir:-.}/tests/live/oci.sh"
