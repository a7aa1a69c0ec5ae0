/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - messages of the daemon: to the journal as structured fields where
 * it runs under systemd, else to stderr; through a thread of its own, so that a
 * stopped journal holds up nobody.
 */
#ifndef SECCOMPD_DAEMON_JOURNAL_H
#define SECCOMPD_DAEMON_JOURNAL_H

#include "proto/base.h"
#include "proto/record.h"

/*
 * What comes from a target (comm, exe) is passed with its length, so that no newline in it makes
 * a field; in the text of a message it is escaped.
 *
 * TO_JOURNAL: send with sd_journal_sendv(); else lines on stderr. Before this call and after
 * journal_stop() messages go straight to stderr. 0 or -errno.
 */
int journal_start(bool to_journal, int max_level);
void journal_stop(void); /* waits a second at most for what is queued */

/* PRIORITY as syslog(3). Any thread; never blocks: a full queue drops and counts. */
void journal_log(int priority, const char *fmt, ...) _printf_(2, 3);
#define log_error(...)	 journal_log(3, __VA_ARGS__)
#define log_warning(...) journal_log(4, __VA_ARGS__)
#define log_notice(...)	 journal_log(5, __VA_ARGS__)
#define log_info(...)	 journal_log(6, __VA_ARGS__)
#define log_debug(...)	 journal_log(7, __VA_ARGS__)

/* A life-cycle event with its MESSAGE_ID (units/seccompd.catalog). FIELDS: "NAME=value" strings,
 * ended by NULL, may be NULL. */
enum journal_event {
	EVENT_STARTED,
	EVENT_STOPPED,
	EVENT_RELOADED,
	EVENT_PROFILE_REFUSED,
	EVENT_CLIENT_STARTED,
	EVENT_CLIENT_ENDED,
	EVENT_CLIENT_REFUSED,
	EVENT_LOG_FAILING,
	EVENT_LOG_RECOVERED,
	EVENT_OVERLOAD,
	EVENT_DENIED, /* a decision */
	EVENT_KILLED,
	EVENT_FAILURE,
	EVENT_ANSWERED,	  /* an operator's answer that let a call go on */
	EVENT_SUPPRESSED, /* a client's decisions left out of the journal */
	EVENT_MAX,
};
void journal_event(enum journal_event e, int priority, const char *const *fields, const char *fmt,
		   ...) _printf_(4, 5);
/* The entry of a decision: denials, kills, failures, operators' answers, would-be denials of a
 * permissive rule among them; nothing for the rest. */
void journal_decision(const struct decision *d);
/* Would journal_decision() write an entry? */
bool journal_decision_wanted(const struct decision *d);
uint64_t journal_dropped(void);

#endif
