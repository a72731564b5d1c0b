// The broker's configuration as typed, validated values.
// Owner: immutable once built; shared by pointer as one whole. Threads: any.
//
// The file is TOML. Every key but `volume` and `period` may be left out; an unknown one is an error.
//
//   [broker]
//   realm             realm of the credentials, 1 .. 127 octets; turnserver.conf's when left out
//   default_csp       CSP that users of coturn's own mechanisms are metered under, as media type `data`;
//                     it needs a quota for that. Such users are refused when left out
//   secret            signs client ids, 16 .. 1024 octets. Without any, none can be issued: then each
//   secrets           CSP needs a secret of its own, or must be default_csp. More than one for
//   secret_file       rotation, at most 8; they count in the order secret, secrets, secret_file,
//   secrets_files     secrets_files, the newest first. A file has one secret per line that is not empty
//   strict_expiry     true: a credential's expiry ends its allocations
//   credential_ttl    of issued credentials, and the longest that a CSP may mint for, "60s" .. "365d"
//   drain_time        "0s" .. "24h": how long SIGTERM and SIGINT let calls run out before the server stops.
//                     Nobody is let in meanwhile; what is left then is ended
//   state_dir         where the broker keeps its files
//   control_socket    Unix socket for turnbrokerctl, below state_dir; at most 107 octets in all
//   geoip_database    MMDB file (MaxMind's format) that says where an address is, for CSPs whose
//                     selection is "nearest"
//   include           pattern or array of patterns of files with more [csp.*] tables, at least one
//                     in each, and nothing else
//   [broker.store]    where the ledger is
//   kind              "sqlite", on this machine, or "redis", which relays share. What follows but path is of
//                     redis only
//   path              of sqlite
//   url, urls         "redis://host:port/db", "rediss://..." with TLS, "unix:/path"; or an array of at most
//                     16 with the sentinels, or nodes of the cluster. One is required; none has a password
//   mode              "single", "sentinel" or "cluster"
//   sentinel_master   name of the master that the sentinels watch; required with them
//   username, password, password_file     of the server, 1 .. 1024 octets; the file's first line
//   sentinel_username, sentinel_password, sentinel_password_file    alike, of the sentinels
//   tls_ca            PEM file with the authorities that rediss: believes; the system's when left out
//   tls_certificate, tls_private_key      PEM files, when the server asks for a certificate
//   tls_server_name   that its certificate must have; the URL's host when left out
//   timeout           for an answer, "100ms" .. "60s"; a third of validity_time at most counts
//   connect_timeout   for a connection, up to the first answer, alike
//   validity_time     of a grant that is not renewed, "1s" .. "10m"
//   lost_grant        "charge": what a relay that is gone was granted counts as used; or "refund"
//   on_store_loss     "terminate": no octet beyond the validity; or "continue:10 MB", a volume per account
//   replicas          that must have a grant before it counts, 0 .. 16
//   report_interval   of used octets, "1s" .. "1h"; large fleets take longer
//   records_max       usage records kept in its stream, 0 .. 100'000'000; 0: no stream
//   [broker.records]  path, rotate_size ("4 kB" .. "1 TB"), keep
//   [broker.limits]   allocations_max, accounts_max (at least the number of quotas)
//   thresholds        percents of a limit that are told when they are used: an array of at most 16
//                     integers from 1 to 99, ascending. 100 always is
//   [broker.http]     the HTTP API; there is none without an address
//   listen            address and port, or an array of at most 16: "127.0.0.1:8080", "[::1]:8080". Port 0:
//                     the system's choice
//   listen_tls        alike, with TLS; needs certificate and private_key
//   certificate       PEM file with the chain
//   private_key       PEM file. Either may be unreadable when the configuration is loaded again: then the
//                     certificate in use stays
//   admin_token       of the admin routes, 16 .. 1024 octets; none of them answers without one. Also
//                     admin_tokens, admin_token_file and admin_tokens_files, as with secrets
//   metrics_token     of /metrics alone, which admin tokens are good for, too; in the same four forms
//   trusted_proxies   array of at most 64 addresses; from them alone X-Forwarded-For and X-Forwarded-Proto
//                     are believed
//   connections_max, connections_per_address      at once, 1 .. 65'536
//   requests_per_address, requests_per_csp        a second in the mean, 1 .. 1'000'000; four times that
//                     at once
//   watchers_max, watchers_per_address            of events, at once, 1 .. 65'536; each is a connection, too
//   example           true: serves /call.html
//   [broker.sandbox]  what the process may still do once it has started
//   seccomp           "on": system calls that a relay does not need are refused, where the kernel can do that;
//                     "required": else it does not start; "log": they are only logged; "off"
//   core_dumps        true: the process may be dumped and traced by its own user, with the secrets in it
//   [relay]
//   id                of this relay in the ledger and in client ids
//   urls              array of at most 32 turn: or turns: URIs that clients get
//   domain, region    1 .. 63 of A-Z a-z 0-9 _ . - with a letter or digit first. CSPs may be bound to
//                     domains; the region is for people
//   latitude, longitude    degrees, -90 .. 90 and -180 .. 180, north and east positive; both or neither
//   weight            1 .. 1000: its share of the clients beside other relays
//   capacity          of payload, both directions together, such as "10 Gbit/s"
//   [csp.ID]          ID is 1 .. 63 of a-z 0-9 _ . - with a letter or digit first
//   name              for people, 1 .. 256 octets
//   secret, secrets, secret_file, secrets_files    as above; for credentials the CSP mints itself
//   api_key, api_keys, api_key_file, api_keys_files    alike; for its back ends. No two CSPs have one in
//                     common, and none is an admin token
//   selection         "least-load", "round-robin" or "nearest": which relay a client gets
//   domains           array of 1 to 64 domains of relays it may get; any when left out
//   sticky            true: the same client name gets the same relay while that takes clients
//   fallbacks         further relays whose URLs a client gets, 0 .. 8
//   allowed_origins   array of at most 64 origins of its web apps, such as "https://app.example", or "*"
//   [csp.ID.webhook]  url (http: or https:), and secret, secrets, secret_file or secrets_files to sign with
//   [csp.ID.quota.MEDIA]  MEDIA is audio, video or data; a CSP needs at least one
//   volume            octets per period, such as "500 GB"; "0 B" lets nothing pass. Required
//   period            "month", "day" or "total"; the boundaries are UTC. Required
//   charge            "both", "client_to_peer" or "peer_to_client"
//   rate              of one allocation, such as "2 Mbit/s"; unlimited when left out
//   allocations       at once, over all relays that share the ledger, 1 .. 1'048'576; unlimited when left out
//   per_client        volume of one client name in one period, at most `volume`
//   clients           with per_client: names that a relay lets in in one period, 1 .. 1'000'000
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/coordinates.h"
#include "broker/media_type.h"
#include "broker/octets.h"
#include "broker/quota_period.h"
#include "broker/relay_status.h"
#include "broker/result.h"
#include "broker/secret.h"
#include "broker/selection_rules.h"

namespace broker {

inline constexpr std::size_t config_file_octets_max = std::size_t{1} << 20;  ///< of one file
inline constexpr std::size_t config_octets_max = std::size_t{16} << 20;      ///< of all together
inline constexpr std::size_t secrets_max = 8;  ///< valid at once; the door's TURN_PASSWORDS_MAX
inline constexpr std::size_t secret_octets_min = 16;
inline constexpr std::size_t secret_octets_max = 1024;
inline constexpr std::size_t include_patterns_max = 64;
inline constexpr std::size_t include_files_max = 4096;
inline constexpr std::size_t relay_urls_max = 32;
inline constexpr std::uint32_t quota_allocations_max = 1'048'576;
inline constexpr std::uint32_t quota_clients_max = 1'000'000;
inline constexpr std::size_t thresholds_max = 16;
inline constexpr std::int64_t drain_time_s_max = 86'400;
inline constexpr std::size_t listen_addresses_max = 16;  ///< of [broker.http], each of two kinds
inline constexpr std::size_t trusted_proxies_max = 64;
inline constexpr std::size_t redis_urls_max = 16;
inline constexpr std::size_t origins_max = 64;  ///< of a CSP

/// Which directions a quota is charged for. All directions are always counted.
enum class Charge : std::uint8_t { both, client_to_peer, peer_to_client };

/// One quota: what a CSP may relay of one media type.
struct Quota {
  Octets volume;  ///< per period, all clients together
  PeriodKind period = PeriodKind::month;
  Charge charge = Charge::both;
  std::optional<BitRate> rate;                   ///< per allocation, charged directions together
  std::optional<std::uint32_t> allocations_max;  ///< at once, over all relays
  std::optional<Octets> per_client;              ///< volume of one client name in one period
  std::uint32_t clients_max = 50'000;            ///< names with such a volume, on each relay
  friend bool operator==(const Quota&, const Quota&) = default;
};

/// Where a CSP's own back end hears of its quotas: [csp.ID.webhook].
struct WebhookConfig {
  std::string url;              ///< http: or https:
  std::vector<Secret> secrets;  ///< newest first; the newest signs
  friend bool operator==(const WebhookConfig&, const WebhookConfig&) = default;
};

/// A communication service provider.
struct Csp {
  std::string id;               ///< the cspID: [a-z0-9][a-z0-9_.-]{0,62}
  std::string name;             ///< for people; the id when not given
  std::vector<Secret> secrets;  ///< newest first; signs <csp>/<media>/<client>
  std::map<MediaType, Quota> quotas;
  std::vector<Secret> api_keys;              ///< any of them; for its back ends
  std::vector<std::string> allowed_origins;  ///< "https://app.example", or "*"; for its web app
  std::optional<WebhookConfig> webhook;
  SelectionRules selection;  ///< which relay its clients get
  friend bool operator==(const Csp&, const Csp&) = default;
};

/// Where a server of Redis, a sentinel or a node of a cluster listens: one URL.
struct RedisAddress {
  std::string host;        ///< a name, or an IPv4 or IPv6 address; empty with a path
  std::uint16_t port = 0;  ///< 0 with a path
  std::string path;        ///< of a Unix socket, absolute; or empty
  friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

enum class RedisMode : std::uint8_t { single, sentinel, cluster };

/// What becomes of octets granted to a relay that does not come back in time.
enum class LostGrant : std::uint8_t { charge, refund };

/// [broker.store] with kind = "redis".
struct RedisConfig {
  std::vector<RedisAddress> addresses;  ///< one; of the sentinels; or of some nodes of the cluster
  RedisMode mode = RedisMode::single;
  bool tls = false;            ///< of every connection, to sentinels too
  std::uint32_t database = 0;  ///< SELECTed; 0 in a cluster
  std::string sentinel_master;
  std::string username;  ///< empty: the default user
  Secret password;       ///< empty: none
  std::string sentinel_username;
  Secret sentinel_password;
  std::string tls_ca;  ///< PEM file; empty: the system's authorities
  std::string tls_certificate;
  std::string tls_private_key;
  std::string tls_server_name;              ///< empty: the host of each address
  std::int64_t timeout_ms = 2'000;          ///< for an answer, 100 .. 60'000
  std::int64_t connect_timeout_ms = 2'000;  ///< for a connection, 100 .. 60'000
  std::int64_t validity_time_ms = 15'000;   ///< of a grant, 1'000 .. 600'000
  LostGrant lost_grant = LostGrant::charge;
  std::optional<Octets> on_store_loss;       ///< what an account may go on with; nullopt: terminate
  std::uint32_t replicas = 0;                ///< that must acknowledge, 0 .. 16
  std::int64_t report_interval_ms = 10'000;  ///< 1'000 .. 3'600'000
  std::uint32_t records_max = 1'000'000;     ///< length of the stream; 0: no stream
  friend bool operator==(const RedisConfig&, const RedisConfig&) = default;
};

/// [broker.store]
struct StoreConfig {
  std::string path = "ledger.sqlite3";  ///< relative to state_dir; of sqlite only
  std::optional<RedisConfig> redis;     ///< kind = "redis"
  friend bool operator==(const StoreConfig&, const StoreConfig&) = default;
};

/// [broker.records]: one JSON line per closed allocation.
struct RecordsConfig {
  std::string path = "usage.jsonl";  ///< relative to state_dir
  Octets rotate_size{64'000'000};
  std::uint32_t keep = 8;  ///< rotated files kept, 1..1000
  friend bool operator==(const RecordsConfig&, const RecordsConfig&) = default;
};

/// [broker.limits]: sizes of the meter table, fixed while the process runs.
struct LimitsConfig {
  std::uint32_t allocations_max = 65'536;  ///< 16 .. 1'048'576
  std::uint32_t accounts_max = 16'384;     ///< 16 .. 1'048'576
  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// [broker.http]: without an address there is no HTTP API.
struct HttpConfig {
  std::vector<std::string> listen;  ///< "127.0.0.1:8080", "[::1]:8080"; port 0: the system's choice
  std::vector<std::string> listen_tls;  ///< alike, with TLS
  std::string certificate;              ///< PEM file, the chain; needed for listen_tls
  std::string private_key;              ///< PEM file
  std::string tls_digest;  ///< of what the two files hold: another one after either has changed
  std::string
      tls_problem;  ///< why one of the two cannot be read, as of load_config; empty: both can
  std::vector<Secret> admin_tokens;    ///< any of them; without one the admin routes refuse all
  std::vector<Secret> metrics_tokens;  ///< beside them for /metrics, and for nothing else
  std::vector<std::string> trusted_proxies;  ///< as inet_ntop(3) writes them
  std::uint32_t connections_max = 1024;      ///< at once
  std::uint32_t connections_per_address = 64;
  std::uint32_t requests_per_address = 10;  ///< a second, in the mean; a burst is 4 times that
  std::uint32_t requests_per_csp = 200;     ///< alike
  std::uint32_t watchers_max = 1024;        ///< of events, at once
  std::uint32_t watchers_per_address = 64;
  bool example = false;  ///< serves /call.html
  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

/// What becomes of system calls that a relay does not need.
enum class SeccompMode : std::uint8_t { on, required, log, off };

/// [broker.sandbox]
struct SandboxConfig {
  SeccompMode seccomp = SeccompMode::on;
  bool core_dumps = false;
  friend bool operator==(const SandboxConfig&, const SandboxConfig&) = default;
};

/// [relay]
struct RelayConfig {
  std::string id = "relay";       ///< [A-Za-z0-9][A-Za-z0-9_.-]{0,62}
  std::vector<std::string> urls;  ///< turn:/turns: URIs (RFC 7065), best first
  std::string domain;             ///< as id, or empty
  std::string region;             ///< as id, or empty
  std::optional<Coordinates> place;
  std::uint32_t weight = relay_weight_default;  ///< 1 .. relay_weight_max
  std::optional<BitRate> capacity;              ///< of payload, both directions together
  friend bool operator==(const RelayConfig&, const RelayConfig&) = default;
};

/// "FILE:LINE: KEY", for what is wrong with a value and turns out only when it is used. Any two are equal: where a
/// key stands changes nothing.
struct ConfigOrigin {
  std::string text;
  friend bool operator==(const ConfigOrigin&, const ConfigOrigin&) { return true; }
};

/// [broker] and all below it.
struct Config {
  std::string realm;                     ///< empty: turnserver.conf's
  std::string default_csp;               ///< empty: users of coturn's own are refused. Else it has
                                         ///< a quota for MediaType::data
  std::vector<Secret> secrets;           ///< newest first; signs client ids
  bool strict_expiry = false;            ///< a credential's expiry ends its allocations
  std::int64_t credential_ttl_s = 3600;  ///< of issued and minted credentials, 60 .. 31'536'000
  std::int64_t drain_time_s = 0;         ///< after a signal, 0 .. drain_time_s_max; 0: at once
  std::string state_dir = "/var/lib/turnbroker";
  std::string control_socket = "control.sock";  ///< relative to state_dir
  std::string geoip_database;                   ///< MMDB file; empty: none
  ConfigOrigin geoip_origin;
  StoreConfig store;
  RecordsConfig records;
  LimitsConfig limits;
  HttpConfig http;
  SandboxConfig sandbox;
  std::vector<std::uint32_t> thresholds{80,
                                        95};  ///< percent of a limit that are told; and always 100
  RelayConfig relay;
  std::map<std::string, Csp, std::less<>> csps;  ///< by id
  std::vector<std::string> files;                ///< every file it was read from, for watching
  std::vector<std::string> include_patterns;     ///< more files may come to match; for watching
  std::vector<std::string> secret_files;         ///< those with a secret or key in them
  friend bool operator==(const Config&, const Config&) = default;
};

/// A path of [broker] as seen from the working directory: below state_dir unless it is absolute.
[[nodiscard]] std::string state_path(const Config& config, std::string_view path);

/// How the configuration's text gets in; broker-core itself opens no file.
struct ConfigFiles {
  /// The content of a file, or an error such as "No such file or directory".
  std::function<Result<std::string>(const std::string& path)> read;
  /// Paths that match a shell pattern such as "/etc/turnbroker/csp.d/*.toml", sorted; none is no
  /// error, a directory that cannot be read is.
  std::function<Result<std::vector<std::string>>(const std::string& pattern)> match;
};

/// Reads the file and what it includes. The error is one line of the form
/// "FILE:LINE: KEY: what was found; allowed: what is". TOML that cannot be parsed has no KEY, and a
/// file that cannot be read no LINE. No message holds a secret. Relative paths are relative to the
/// file they stand in. A PEM file that cannot be read is no error: HttpConfig::tls_problem. Never throws.
[[nodiscard]] Result<Config> load_config(const std::string& path, const ConfigFiles& files);

/// Settings that cannot change without a restart and differ between the two, by their full name
/// such as "broker.store.path".
[[nodiscard]] std::vector<std::string> restart_needed(const Config& running, const Config& wanted);

}  // namespace broker
