/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations of DNS: the type that a query asks for, or what is no query. Statuses are the response codes
 * as they are on the wire (IANA's registry "Domain Name System (DNS) Parameters"), of the header alone.
 */
#pragma once

/* With their numbers. */
/* clang-format off */
#define DNS_TYPES(X) \
	X(A, 1) X(AAAA, 28) X(HTTPS, 65) X(PTR, 12) X(SRV, 33) X(TXT, 16) X(MX, 15) X(CNAME, 5) \
	X(NS, 2) X(SOA, 6) X(NAPTR, 35) X(DS, 43) X(DNSKEY, 48) X(TLSA, 52) X(SVCB, 64) X(CAA, 257) \
	X(ANY, 255) X(AXFR, 252) X(IXFR, 251)
#define DNS_ERRORS(X) \
	X(FORMERR, 1) X(SERVFAIL, 2) X(NXDOMAIN, 3) X(NOTIMP, 4) X(REFUSED, 5) X(YXDOMAIN, 6) \
	X(YXRRSET, 7) X(NXRRSET, 8) X(NOTAUTH, 9) X(NOTZONE, 10)
/* clang-format on */

enum {
	DNS_OTHER = 1,
#define DNS_ROW(name, number) DNS_##name,
	DNS_TYPES(DNS_ROW)
#undef DNS_ROW
		DNS_NOTIFY, /* RFC 1996 */
	DNS_UPDATE,	    /* RFC 2136 */
	DNS_OPERATIONS_END
};

enum {
#define DNS_ROW(name, number) DNS_ERROR_##name = (number),
	DNS_ERRORS(DNS_ROW)
#undef DNS_ROW
};
