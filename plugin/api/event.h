// What the broker tells those who watch: over Server-Sent Events, and in part over webhooks.
// Owner: values. Threads: any.
#pragma once

#include <cstdint>
#include <string>

#include "broker/media_type.h"

namespace plugin {

enum class EventKind : std::uint8_t {
  usage,      ///< the account's used octets or limit have changed; at most once a second
  threshold,  ///< `percent` of the limit has been used; 100: the account is exhausted
  cut,        ///< an allocation was ended by the broker, an operator or the quota; see `reason`
  restored,   ///< an exhausted account may relay again
};

struct Event {
  EventKind kind = EventKind::usage;
  std::int64_t at_ms = 0;  ///< Unix time
  std::string csp;
  broker::MediaType media = broker::MediaType::audio;
  std::string period;  ///< broker::period_name
  std::uint64_t limit_octets = 0;
  std::uint64_t used_octets = 0;
  bool exhausted = false;     ///< not for cut: how the account stands now
  std::uint32_t percent = 0;  ///< threshold only: 1 .. 100
  std::string client;         ///< cut only: the client name
  std::string allocation;     ///< cut only: as in the usage record
  std::string reason;  ///< cut only: quota_exhausted | cancelled | revoked | expired | shutdown
};

/// Takes events from the broker thread. Must not block; may drop the oldest when it is full.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void post(const Event& event) = 0;
};

}  // namespace plugin
