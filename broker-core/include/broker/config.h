// The broker's configuration as typed, validated values.
// Owner: immutable once built; shared by pointer as one whole. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/media_type.h"
#include "broker/octets.h"
#include "broker/quota_period.h"
#include "broker/result.h"
#include "broker/secret.h"

namespace broker {

/// Which directions a quota is charged for. All directions are always counted.
enum class Charge : std::uint8_t { both, client_to_peer, peer_to_client };

/// One quota: what a CSP may relay of one media type.
struct Quota {
  Octets volume;                                  ///< per period, all clients together
  PeriodKind period = PeriodKind::month;
  Charge charge = Charge::both;
  std::optional<BitRate> rate;                    ///< per allocation, charged directions together
  std::optional<std::uint32_t> allocations_max;   ///< at once, on this relay
  std::optional<Octets> per_client;               ///< volume of one client name in one period
  friend bool operator==(const Quota&, const Quota&) = default;
};

/// A communication service provider.
struct Csp {
  std::string id;                                 ///< the cspID: [a-z0-9][a-z0-9_.-]{0,62}
  std::string name;                               ///< for people; the id when not given
  std::vector<Secret> secrets;                    ///< newest first; signs <csp>/<media>/<client>
  std::map<MediaType, Quota> quotas;
  friend bool operator==(const Csp&, const Csp&) = default;
};

/// [broker.store]
struct StoreConfig {
  std::string path = "ledger.sqlite3";            ///< relative to state_dir
  friend bool operator==(const StoreConfig&, const StoreConfig&) = default;
};

/// [broker.records]: one JSON line per closed allocation.
struct RecordsConfig {
  std::string path = "usage.jsonl";               ///< relative to state_dir
  Octets rotate_size{64'000'000};
  std::uint32_t keep = 8;                         ///< rotated files kept, 1..1000
  friend bool operator==(const RecordsConfig&, const RecordsConfig&) = default;
};

/// [broker.limits]: sizes of the meter table, fixed while the process runs.
struct LimitsConfig {
  std::uint32_t allocations_max = 65'536;         ///< 16 .. 1'048'576
  std::uint32_t accounts_max = 16'384;            ///< 16 .. 1'048'576
  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// [relay]
struct RelayConfig {
  std::string id = "relay";                       ///< [A-Za-z0-9][A-Za-z0-9_.-]{0,62}
  std::vector<std::string> urls;                  ///< turn:/turns: URIs (RFC 7065), best first
  friend bool operator==(const RelayConfig&, const RelayConfig&) = default;
};

/// [broker] and all below it.
struct Config {
  std::string realm;                              ///< empty: turnserver.conf's
  std::string default_csp;                        ///< empty: users of coturn's own are refused
  std::vector<Secret> secrets;                    ///< newest first; signs client ids
  bool strict_expiry = false;                     ///< a credential's expiry ends its allocations
  std::int64_t credential_ttl_s = 3600;           ///< of issued credentials, 60 .. 31'536'000
  std::string state_dir = "/var/lib/turnbroker";
  std::string control_socket = "control.sock";    ///< relative to state_dir
  StoreConfig store;
  RecordsConfig records;
  LimitsConfig limits;
  RelayConfig relay;
  std::map<std::string, Csp, std::less<>> csps;   ///< by id
  std::vector<std::string> files;                 ///< every file it was read from, for watching
  friend bool operator==(const Config&, const Config&) = default;
};

/// How the configuration's text gets in; broker-core itself opens no file.
struct ConfigFiles {
  /// The content of a file, or an error such as "No such file or directory".
  std::function<Result<std::string>(const std::string& path)> read;
  /// Paths that match a shell pattern such as "/etc/turnbroker/csp.d/*.toml", sorted.
  std::function<std::vector<std::string>(const std::string& pattern)> match;
};

/// Reads the file and what it includes. The error is one line of the form
/// "FILE:LINE: KEY: what was found; what is allowed". Relative paths are relative to the file they
/// stand in. Never throws.
[[nodiscard]] Result<Config> load_config(const std::string& path, const ConfigFiles& files);

/// Settings that cannot change without a restart, by name, that differ between the two.
[[nodiscard]] std::vector<std::string> restart_needed(const Config& running, const Config& wanted);

}  // namespace broker
