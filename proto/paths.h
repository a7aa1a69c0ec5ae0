/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths.h - where programs meet: names of sockets, directories and files.
 * The directories come from configure (RUNTIMEDIR, STATEDIR, CONFDIR, VENDORDIR).
 */
#ifndef SECCOMPD_PROTO_PATHS_H
#define SECCOMPD_PROTO_PATHS_H

#ifndef RUNTIMEDIR
#define RUNTIMEDIR "/run/seccompd"
#endif
#ifndef STATEDIR
#define STATEDIR "/var/lib/seccompd"
#endif
#ifndef CONFDIR
#define CONFDIR "/etc/seccompd"
#endif
#ifndef VENDORDIR
#define VENDORDIR "/usr/lib/seccompd"
#endif

#define CLIENT_SOCKET_NAME  "client.sock"   /* below the runtime directory */
#define CONTROL_SOCKET_NAME "control.sock"  /* below the runtime directory */
#define DATABASE_NAME	    "decisions.db"  /* below the state directory */
#define CONFIG_NAME	    "seccompd.yaml" /* below the configuration directory */
#define PROFILES_NAME	    "profiles"	    /* below the configuration and vendor directories */

#define CLIENT_SOCKET  RUNTIMEDIR "/" CLIENT_SOCKET_NAME
#define CONTROL_SOCKET RUNTIMEDIR "/" CONTROL_SOCKET_NAME

#endif
