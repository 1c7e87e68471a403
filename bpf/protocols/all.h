/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parsers of WIRE_PROTOCOLS(). */
#pragma once

#include "bpf/protocols/dns.h"
#include "bpf/protocols/http1.h"
#include "bpf/protocols/memcached.h"
#include "bpf/protocols/mysql.h"
#include "bpf/protocols/postgresql.h"
#include "bpf/protocols/redis.h"
