// What an operator can ask of a running broker, whatever the question came in by (Unix socket now, the
// HTTP API later).
// Owner: implemented by the broker; used by request handlers. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/account.h"
#include "broker/credentials.h"
#include "broker/result.h"
#include "ctl/fleet_status.h"
#include "metrics/metrics_view.h"

namespace plugin {

/// One line of `turnbrokerctl usage`.
struct AccountStatus {
  std::string csp;
  broker::MediaType media = broker::MediaType::audio;
  std::string period;  ///< broker::period_name
  std::string client;  ///< empty: the whole CSP
  std::uint64_t limit_octets = 0;
  std::uint64_t used_octets = 0;  ///< the part that is charged
  broker::UsedTotals used;
  std::uint64_t allocations = 0;  ///< live, on this relay
  bool exhausted = false;
};

/// One line of `turnbrokerctl allocations`.
struct AllocationStatus {
  std::string id;  ///< what `cut` takes
  std::string csp;
  broker::MediaType media = broker::MediaType::audio;
  std::string client;
  std::string client_address;  ///< "192.0.2.1:4711", "[2001:db8::1]:4711"
  std::vector<std::string> relayed_addresses;
  std::string transport;  ///< udp | tcp | tls | dtls
  broker::UnixSeconds start_s = 0;
  broker::UnixSeconds expiry_s = 0;  ///< of the credential; 0 when it has none
  broker::UsedTotals used;
};

/// What `turnbrokerctl drain` asks for: the calls there are go on, and there are no new ones.
struct DrainRequest {
  std::int64_t deadline_s = 0;  ///< from now, what is left then is ended; 0: however long it takes
  bool stay = false;            ///< else the server stops when the last allocation has ended
};

struct DrainStatus {
  bool draining = false;
  bool stay = false;
  broker::UnixSeconds until_s = 0;  ///< at most; 0: however long it takes
  std::uint64_t allocations = 0;    ///< that are left
};

struct BrokerStatus {
  std::string version;
  std::string relay_id;
  std::string incarnation;  ///< hex
  broker::UnixSeconds started_s = 0;
  broker::UnixSeconds config_loaded_s = 0;
  std::string config_file;
  std::string config_error;  ///< of the last reload that was refused; else empty
  std::vector<std::string> restart_needed;
  std::uint64_t allocations = 0;
  std::uint64_t allocations_max = 0;
  std::uint64_t accounts = 0;
  std::uint64_t records_written = 0;
  std::string store;  ///< "sqlite ok", "redis: …", with all that fails of what it needs Redis for
  DrainStatus drain{};
};

/// Whose allocations to end.
struct CutTarget {
  std::string id;      ///< an allocation's id, or
  std::string csp;     ///< all of a CSP's, or
  std::string client;  ///< all of a client name's (within `csp` when given)
};

class Control {
 public:
  /// Called once, on the broker thread, perhaps before the call returns; never when the broker stops first.
  template <typename T>
  using Later = std::function<void(broker::Result<T>)>;

  virtual ~Control() = default;
  /// An error when there is no such CSP; of all CSPs, when the ledger does not answer.
  [[nodiscard]] virtual broker::Result<std::vector<AccountStatus>> usage(
      const std::optional<std::string>& csp, bool clients) = 0;
  [[nodiscard]] virtual std::vector<AllocationStatus> allocations(
      const std::optional<std::string>& csp) = 0;
  /// How many allocations are being ended; an error when `id` names none.
  [[nodiscard]] virtual broker::Result<std::uint64_t> cut(const CutTarget& target) = 0;
  /// ttl_s 0: the configured one.
  [[nodiscard]] virtual broker::Result<broker::IssuedCredentials> credentials(
      const std::string& csp, broker::MediaType media, const std::string& client,
      std::int64_t ttl_s) = 0;
  /// `who` is a client id's token or "<csp>/<media>/<client>"; or a whole CSP. Exactly one is non-empty.
  /// How many live allocations are being ended.
  [[nodiscard]] virtual broker::Result<std::uint64_t> revoke(const std::string& who,
                                                             const std::string& csp) = 0;
  [[nodiscard]] virtual broker::Status reload() = 0;
  [[nodiscard]] virtual BrokerStatus status() = 0;
  /// Takes the place of what was asked before. An error when the server has been told to stop.
  [[nodiscard]] virtual broker::Result<DrainStatus> drain(const DrainRequest& request) = 0;
  /// Takes clients again. An error when it does not drain, or has been told to stop.
  [[nodiscard]] virtual broker::Result<DrainStatus> undrain() = 0;
  /// Of the fleet, as far as this relay knows it; by id.
  [[nodiscard]] virtual std::vector<RelayView> relays() = 0;
  /// What the ledger says of all accounts. An error when it does not answer, or too many ask.
  virtual void ledger_usage(const LedgerQuery& query, Later<LedgerUsage> done) = 0;
  /// Whether the ledger adds up; of one CSP, or of all when it is empty. Errors alike.
  virtual void check_ledger(const std::string& csp, Later<LedgerCheck> done) = 0;
  [[nodiscard]] virtual MetricsView metrics() = 0;
};

}  // namespace plugin
