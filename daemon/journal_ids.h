/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal_ids.h - MESSAGE_ID of each event, fixed for good: units/seccompd.catalog, people's
 * filters and scripts go by them.
 */
#ifndef SECCOMPD_DAEMON_JOURNAL_IDS_H
#define SECCOMPD_DAEMON_JOURNAL_IDS_H

#define MESSAGE_ID_STARTED	   "5977fa5c390247d7a2f6faae10916abd"
#define MESSAGE_ID_STOPPED	   "b2cf6241bee24fa6977de83bdd361ed3"
#define MESSAGE_ID_RELOADED	   "581754da329842bbacfdfa7df9c39cfb"
#define MESSAGE_ID_PROFILE_REFUSED "b14d30bdeb8949798cfd5a48442c3246"
#define MESSAGE_ID_CLIENT_STARTED  "915e083dde0c489287269ae80340e4ab"
#define MESSAGE_ID_CLIENT_ENDED	   "fa55361ffaf046cbac298eeef7542994"
#define MESSAGE_ID_CLIENT_REFUSED  "18ddea549b7e4d5b9780b997550e6d4a"
#define MESSAGE_ID_LOG_FAILING	   "fb6e6f55c2e1405f95f0bb4c6bfba68d"
#define MESSAGE_ID_LOG_RECOVERED   "df7f615e11a942fe89890d159c34ee2e"
#define MESSAGE_ID_OVERLOAD	   "5b0dd05b1fc1427b8f69cd977bce8e1c"
#define MESSAGE_ID_DENIED	   "6e975372857548e8a3457c56e02b8ac1"
#define MESSAGE_ID_KILLED	   "1a99da11d9c64953908d6b3c1b234c3c"
#define MESSAGE_ID_FAILURE	   "e1e949780308456ea29d098cdeb05529"
#define MESSAGE_ID_ANSWERED	   "c8a0cac0bbb74ae5acf3c8e18792a7a7"
#define MESSAGE_ID_SUPPRESSED	   "6256dd421dbc4fe28a8246b6de5966bb"

#endif
