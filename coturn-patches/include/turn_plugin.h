/* The door between coturn and a plugin.
 *
 * A plugin is one shared object that exports one function, turn_plugin_entry. The host hands it a
 * table of services and gets back a table of hooks. Nothing else crosses: no C++ type, no exception,
 * no coturn structure.
 *
 * Rules of the interface
 *  - C11; includes nothing but the three headers below; compiles as C and as C++.
 *  - Every struct starts with its size in octets. The side that fills a struct sets `size` to what it
 *    was compiled with; the side that reads it looks at no member beyond that size. Members are only
 *    ever appended. A change that cannot be expressed so raises TURN_PLUGIN_ABI_VERSION.
 *  - A hook that is NULL costs the host one branch.
 *  - Pointers handed to a hook are borrowed: they are valid until the hook returns, and no longer.
 *  - What outlives a call is named by a 64-bit id, never by a pointer (the meter is the one exception:
 *    the plugin owns it and lends it to the host until allocation_closed returns).
 *  - Thread tags: [main] the thread that runs main(); [relay] the relay thread that owns the
 *    allocation, where a hook must not block, lock, or make a system call that can wait;
 *    [any] any thread.
 *
 * Words are those of RFC 8656: allocation, 5-tuple, permission, channel, relayed transport address.
 */
#ifndef TURN_PLUGIN_H
#define TURN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TURN_PLUGIN_ABI_VERSION UINT32_C(1)
#define TURN_PLUGIN_ENTRY_NAME "turn_plugin_entry"

/* ---- values ------------------------------------------------------------------------------------ */

enum turn_direction { TURN_CLIENT_TO_PEER = 0, TURN_PEER_TO_CLIENT = 1 };

enum turn_log_level { TURN_LOG_DEBUG = 0, TURN_LOG_INFO = 1, TURN_LOG_WARNING = 2, TURN_LOG_ERROR = 3 };

/* What a hook decides. */
enum turn_verdict {
	TURN_VERDICT_DEFER = 0,   /* no opinion: coturn's own rule decides; of an allocation, no later hook is called */
	TURN_VERDICT_ALLOW = 1,   /* yes; the answer's members say how */
	TURN_VERDICT_REJECT = 2,  /* no; the answer's error_code is sent (a STUN error code, 300..699) */
	TURN_VERDICT_PENDING = 3  /* later: one of the complete_* services will be called with request_id; it may be
				   * called before the hook has returned. No response is sent meanwhile, and the
				   * client's retransmissions are dropped */
};

/* Why an allocation ended. The host fills it from what it saw; for a cancelled one it repeats what
 * cancel_allocation was given. */
enum turn_close_reason {
	TURN_CLOSE_RELEASED = 0,  /* Refresh with lifetime 0, or the client's connection ended */
	TURN_CLOSE_EXPIRED = 1,   /* its lifetime ran out */
	TURN_CLOSE_CANCELLED = 2, /* cancel_allocation, or coturn's own administration interface */
	TURN_CLOSE_SHUTDOWN = 3,  /* the server stops */
	TURN_CLOSE_QUOTA_EXHAUSTED = 4,
	TURN_CLOSE_REVOKED = 5
};

enum turn_transport {
	TURN_TRANSPORT_UNKNOWN = 0,
	TURN_TRANSPORT_UDP = 1,
	TURN_TRANSPORT_TCP = 2,
	TURN_TRANSPORT_TLS = 3,
	TURN_TRANSPORT_DTLS = 4
};

/* A transport address. family is 4 or 6, or 0 when there is none; an IPv4 address is the first four
 * octets. port is in host order. */
struct turn_address {
	uint8_t family;
	uint8_t reserved;
	uint16_t port;
	uint8_t octets[16];
};

/* ---- the meter --------------------------------------------------------------------------------- */

/* One cache line, owned by the plugin (it may lie in a mapped file), lent to the host. The host's
 * relay path spends credit from it without a call:
 *
 *   a direction whose bit is set in charged_directions costs its payload octets of credit; when the
 *   credit does not suffice the host asks credit_wanted; when that grants nothing the packet is not
 *   relayed. A direction whose bit is clear is counted only.
 *
 * Octets are relayed application payload: ChannelData payload, the DATA of Send and Data indications,
 * RFC 6062 stream octets. Not STUN, not TURN framing, not padding.
 *
 * All access is atomic, with relaxed order. Credit changes by read-modify-write: it may be taken back by
 * another thread at any moment, and a kernel fast path may spend it too. The two counts
 * have one writer, the allocation's relay thread, which loads and stores them; a fast path counts in words of its own.
 * `used` is raised before the packet is handed to the kernel and lowered again when the kernel did not take
 * it: after a crash it is never too small, and too large by at most one packet per relay thread and what TCP
 * and TLS connections had buffered. */
struct turn_meter {
	int64_t credit_octets;      /* what may still be relayed; transiently negative while one thread asks */
	uint64_t used_octets[2];    /* by enum turn_direction, cumulative */
	uint64_t used_packets[2];   /* by enum turn_direction, cumulative; RFC 6062: pieces of the stream */
	uint32_t charged_directions; /* bit (1 << direction); constant while lent */
	uint32_t reserved;
	uint64_t reserved2[2];
};

/* ---- payloads of the hooks ----------------------------------------------------------------------- */

/* Who asks. Strings are NUL-terminated UTF-8, never NULL. */
struct turn_requester {
	uint32_t size;
	uint32_t relay_thread;       /* index given to relay_thread_start */
	uint64_t session_id;         /* the 5-tuple's id, unique in this process; becomes the allocation's id. When an
				      * allocation that was allowed could not be created, the 5-tuple goes on with
				      * another: no two allocations have the same */
	const char *username;
	const char *realm;
	enum turn_transport client_transport;
	struct turn_address client;  /* the client's transport address, as the server sees it */
	struct turn_address server;  /* the address it was sent to */
};

#define TURN_PASSWORDS_MAX 8
#define TURN_PASSWORD_OCTETS_MAX 128

/* credential_wanted: the long-term credential of `requester` (RFC 8489, section 9.2). */
struct turn_credential_request {
	uint32_t size;
	uint64_t request_id;         /* names this request in complete_credential */
	struct turn_requester requester;
};

/* ALLOW carries one or more passwords, NUL-terminated; the first that matches the message's integrity
 * counts, and if none does the host answers 401. The host wipes the struct after use. The key is kept with
 * the 5-tuple: the hook is called again only for a message that it does not fit. */
struct turn_credential_answer {
	uint32_t size;
	uint16_t error_code;         /* with REJECT; 0, 401 or out of range: 401 with a challenge */
	uint16_t passwords_count;    /* 1..TURN_PASSWORDS_MAX */
	char passwords[TURN_PASSWORDS_MAX][TURN_PASSWORD_OCTETS_MAX];
};

/* allocation_wanted: an Allocate request has passed authentication. */
struct turn_allocation_request {
	uint32_t size;
	bool authenticated_by_plugin; /* false: by coturn's own mechanisms, or not at all */
	bool tcp_relay;               /* RFC 6062 */
	uint64_t request_id;          /* names this request in complete_allocation */
	uint32_t lifetime_s;          /* what the client will be given */
	struct turn_requester requester;
};

/* ALLOW may lend a meter (NULL: the allocation is not metered) and shorten the lifetime.
 * REJECT: 486 Allocation Quota Reached is the usual error_code (RFC 8656, section 7.2), and what is sent
 * for one out of range. 401 is sent with a challenge, as by credential_wanted, unless credentials are off. */
struct turn_allocation_answer {
	uint32_t size;
	uint16_t error_code;
	uint16_t reserved;
	uint32_t lifetime_max_s;      /* 0: as the client asks; it holds for every later Refresh, too */
	struct turn_meter *meter;     /* owned by the plugin, valid until allocation_closed returns */
	uint64_t plugin_data;         /* handed back in every later hook of this allocation */
};

struct turn_allocation {
	uint32_t size;
	uint32_t relay_thread;
	uint64_t id;                  /* the session_id of the request; names it in cancel_allocation */
	uint64_t plugin_data;
	struct turn_meter *meter;
};

/* allocation_created: the relayed addresses exist and the success response is about to be sent. */
struct turn_allocation_created {
	uint32_t size;
	uint32_t lifetime_s;
	struct turn_allocation allocation;
	struct turn_requester requester;
	struct turn_address relayed[2]; /* [0] IPv4 and [1] IPv6, as bound on this host (--external-ip is not
					 * applied); family 0 where there is none */
};

/* allocation_refreshed: once for each Refresh that succeeded, however often the client sends it again. */
struct turn_allocation_refreshed {
	uint32_t size;
	uint32_t lifetime_s;          /* the new lifetime; 0 means the client releases it */
	struct turn_allocation allocation;
	struct turn_address client;   /* may have changed by mobility (RFC 8016) */
};

/* allocation_closed: exactly once for every ALLOW of allocation_wanted, also when the allocation could not
 * be created after all (created is false) and at shutdown. For an ALLOW by complete_allocation: once if that
 * returned TURN_SERVICE_OK, else never. The meter (which is the last one credit_wanted gave) is not touched
 * by the host afterwards. A client's Refresh with lifetime 0 closes within about a second. */
struct turn_allocation_closed {
	uint32_t size;
	enum turn_close_reason reason;
	bool created;
	struct turn_allocation allocation;
};

/* A permission (channel 0) or a channel, with both transport addresses of the flow it opens. *_bound is
 * called again, with the new lifetime, whenever it is refreshed; *_expired once, at the latest just before
 * allocation_closed. A channel of RFC 8656 brings a permission with it. client has family 0 while a mobile
 * allocation (RFC 8016) has no client. */
struct turn_flow {
	uint32_t size;
	uint16_t channel;             /* 0x4000..0x4FFF, or 0 for a permission */
	bool ipv6;
	uint32_t lifetime_s;          /* 0 when it ended */
	struct turn_allocation allocation;
	struct turn_address client;
	struct turn_address relayed;
	struct turn_address peer;     /* port 0 for a permission */
};

/* credit_wanted: `needed_octets` do not fit the meter's credit. */
struct turn_credit_request {
	uint32_t size;
	enum turn_direction direction;
	uint64_t needed_octets;
	struct turn_allocation allocation;
	uint64_t useful_octets;       /* less would be of use too, down to these: 1 of a stream's piece, which can
				       * be divided; else needed_octets. An account that has them is not exhausted */
};

enum turn_credit_verdict {
	TURN_CREDIT_GRANTED = 0,   /* credit was added (perhaps on another meter): charge again */
	TURN_CREDIT_LATER = 1,     /* none now (rate limit, or a refill is on its way) */
	TURN_CREDIT_EXHAUSTED = 2  /* none: the plugin is about to cancel the allocation */
};

/* With LATER and EXHAUSTED a datagram is not relayed. A piece of a stream (RFC 6062) is asked for again by
 * halves, down to one octet, so that a stream ends at the octet; what is left of it is held, the sender is
 * not read meanwhile, and every tick asks again until the allocation is closed. After GRANTED the host
 * charges again, and asks at most four times for one packet. */

struct turn_credit_answer {
	uint32_t size;
	uint32_t reserved;
	struct turn_meter *meter;     /* the meter to use from now on; the host presets it to the current one. It is
				       * taken with GRANTED only, also when its credit then does not suffice; NULL
				       * keeps the current one. With LATER and EXHAUSTED it is not looked at. When the
				       * hook has returned GRANTED with another one, the host touches the one that
				       * was in use no more: it is the plugin's again. */
};

/* ---- the plugin's table --------------------------------------------------------------------------- */

/* configure: read the configuration. On false, `error` holds one line that says what is wrong. */
struct turn_configure {
	uint32_t size;
	uint32_t error_size;
	const char *config_file;      /* the value of --plugin-config, or "" */
	char *error;                  /* error_size octets, NUL-terminated by the plugin */
};

struct turn_configured {
	uint32_t size;
	bool requires_credentials;    /* long-term credentials are switched on unless --no-auth is given */
	const char *realm;            /* NULL or "": the host's own; valid until stop returns */
};

struct turn_plugin {
	uint32_t size;
	uint32_t abi_version;         /* TURN_PLUGIN_ABI_VERSION the plugin was compiled with */
	const char *name;
	const char *version;

	/* [main] before anything listens; privileges not yet dropped, the process may still fork. No thread may be
	 * started here. NULL: the plugin takes no configuration file. */
	bool (*configure)(const struct turn_configure *in, struct turn_configured *out);
	/* [main] after privileges were dropped and a possible fork; relay_threads is the number of
	 * relay_thread_start calls that will follow, with indices from 0. No other hook but configure is called
	 * before it has returned. On false the server stops, without calling stop. */
	bool (*start)(uint32_t relay_threads);
	/* [main] once, after every relay_thread_stop. The plugin's threads must be gone when it returns. Not called
	 * when a relay thread could not be stopped: the process then ends with status 1. */
	void (*stop)(void);
	/* [main] SIGHUP. */
	void (*reload)(void);

	void (*relay_thread_start)(uint32_t relay_thread); /* [relay] */
	void (*relay_thread_stop)(uint32_t relay_thread);  /* [relay] after its last allocation_closed */
	void (*relay_thread_tick)(uint32_t relay_thread);  /* [relay] about every 100 ms */

	/* [relay] allocation_wanted NULL: every allocation is allowed, without a meter. */
	enum turn_verdict (*credential_wanted)(const struct turn_credential_request *in,
					       struct turn_credential_answer *out);
	enum turn_verdict (*allocation_wanted)(const struct turn_allocation_request *in,
					       struct turn_allocation_answer *out);
	void (*allocation_created)(const struct turn_allocation_created *in);
	void (*allocation_refreshed)(const struct turn_allocation_refreshed *in);
	void (*allocation_closed)(const struct turn_allocation_closed *in);

	void (*permission_bound)(const struct turn_flow *in);
	void (*permission_expired)(const struct turn_flow *in);
	void (*channel_bound)(const struct turn_flow *in);
	void (*channel_expired)(const struct turn_flow *in);

	enum turn_credit_verdict (*credit_wanted)(const struct turn_credit_request *in,
						  struct turn_credit_answer *out);

	/* [main] The first SIGTERM or SIGINT. True: the server stops now. False: it goes on until the plugin calls
	 * stop_server. A second signal stops it at once, without asking. NULL: the first one does. */
	bool (*stop_wanted)(void);
};

/* ---- the host's table ------------------------------------------------------------------------------ */

enum turn_service_result {
	TURN_SERVICE_OK = 0,
	TURN_SERVICE_UNKNOWN_ID = 1,  /* no such allocation or request any more: answered twice, or too late */
	TURN_SERVICE_INVALID = 2,     /* an argument is out of range */
	TURN_SERVICE_UNAVAILABLE = 3  /* the server is not running yet, or is stopping */
};

struct turn_host {
	uint32_t size;
	uint32_t abi_version;
	const char *name;             /* "coturn" */
	const char *version;

	/* [any] One record, one line; control characters are escaped by the host. */
	void (*log)(enum turn_log_level level, const char *text);

	/* [any] End the allocation now; it cannot be resumed through mobility (RFC 8016). Asynchronous: the
	 * owning relay thread closes it and calls allocation_closed with `reason`. An id that is gone by then
	 * is ignored; it never becomes that of another allocation. */
	enum turn_service_result (*cancel_allocation)(uint64_t allocation_id, enum turn_close_reason reason);

	/* [any] Answer a PENDING request, once, with DEFER, ALLOW or REJECT (answer may be NULL except for ALLOW;
	 * of REJECT it holds the error_code). Carried to the owning relay thread, copied before return. A request
	 * that is not answered within TURN_PENDING_SECONDS_MAX is answered by the host with 500. */
	enum turn_service_result (*complete_credential)(uint64_t request_id, enum turn_verdict verdict,
							const struct turn_credential_answer *answer);
	enum turn_service_result (*complete_allocation)(uint64_t request_id, enum turn_verdict verdict,
							const struct turn_allocation_answer *answer);

	/* [any] Stop the server, as a signal does: all allocations are closed, then relay_thread_stop, then stop.
	 * Asynchronous; once is enough. */
	enum turn_service_result (*stop_server)(void);
};

#define TURN_PENDING_SECONDS_MAX 10

/* The one exported symbol. Called once [main]; returns the plugin's table, which stays valid for the
 * life of the process, or NULL to refuse (after a line through host->log). */
typedef const struct turn_plugin *(*turn_plugin_entry_function)(const struct turn_host *host);

#if defined(__GNUC__)
#define TURN_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define TURN_PLUGIN_EXPORT
#endif

TURN_PLUGIN_EXPORT const struct turn_plugin *turn_plugin_entry(const struct turn_host *host);

#ifdef __cplusplus
}
#endif

#endif
