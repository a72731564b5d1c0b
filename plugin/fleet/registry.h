// The fleet's registry in Redis: each relay tells how it does, and learns how the others do. Joining and
// leaving need no restart of anybody.
// Owner: the broker. Threads: the broker thread; nothing blocks.
//
//   turnbroker:{fleet}:relays       sorted set, relay id -> when it was heard of (ms, the server's clock)
//   turnbroker:{fleet}:relay:ID     hash with a TTL of three beats, fields as relay_status_text.h says
//   turnbroker:{fleet}:claim:ID     while a relay starts, until its first beat: it alone may do so with this id
//   turnbroker:{fleet}:roster       all of them as one text, kept for a second in a large fleet
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/relay_status.h"
#include "broker/result.h"
#include "clock.h"
#include "complaint.h"
#include "host.h"
#include "redis/client.h"

namespace plugin {

class Registry {
 public:
  /// Of a small fleet, whose relays are forgotten 6 s after their last; in one of a thousand relays it is twice that.
  static constexpr std::int64_t beat_ms_min = 2'000;

  /// All borrowed.
  Registry(redis::Client& client, const Host& host, const Clock& clock);

  /// Gets all relays that were heard of within the TTL, this one too.
  void on_roster(std::function<void(std::vector<broker::RelayStatus>)> handler) {
    roster_ = std::move(handler);
  }

  /// To be called about once a second: tells and asks when it is time.
  void look(const broker::RelayStatus& self);
  /// Tells now, as when the relay begins to drain.
  void beat(const broker::RelayStatus& self);
  /// The ids of relays that were heard of in the last day, but not for silent_ms; none when that cannot
  /// be found out.
  static void ask_gone(redis::Client& client, std::int64_t silent_ms,
                       std::function<void(std::vector<std::string>)> done);
  /// What was told last of this relay, by whom, as long as it is remembered.
  struct Told {
    std::uint64_t incarnation = 0;
    std::int64_t heartbeat_ms = 0;
    friend bool operator==(const Told&, const Told&) = default;
  };
  /// nullopt: nothing; an error: the server did not answer.
  static void ask_told(redis::Client& client, const std::string& relay_id,
                       std::function<void(broker::Result<std::optional<Told>>)> done);
  /// Empty while the heartbeat is taken, or the others are read.
  [[nodiscard]] std::string heartbeat_problem() const { return heartbeat_.text(); }
  [[nodiscard]] std::string roster_problem() const { return roster_read_.text(); }
  /// A start takes less, up to its first beat; one that died in its midst holds up the next by as much.
  static constexpr std::int64_t claim_ttl_ms = 5'000;
  /// Whether no other start has the id now. Held until a beat of this registry's, or for the TTL.
  void claim(const std::string& relay_id, const std::string& token,
             std::function<void(broker::Result<bool>)> done);
  /// The relay is gone for good.
  void leave(const std::string& relay_id);

 private:
  [[nodiscard]] std::int64_t beat_ms() const;
  [[nodiscard]] std::int64_t ttl_ms() const;
  void ask();
  void take_beat(const broker::Result<redis::Answer>& answer, const broker::RelayStatus& self);
  void take_roster(const broker::Result<redis::Answer>& answer);
  void take_before(const std::string& before, const broker::RelayStatus& self);

  redis::Client& client_;
  const Host& host_;
  const Clock& clock_;
  std::function<void(std::vector<broker::RelayStatus>)> roster_ = [](auto) {};
  Complaint heartbeat_, roster_read_;
  std::int64_t next_beat_ms_ = 0;
  std::int64_t next_ask_ms_ = 0;
  std::string claim_;
  std::size_t relays_ = 0;         ///< in the last roster
  std::string damaged_;            ///< what was wrong with the last roster; told once
  std::int64_t twin_told_ms_ = 0;  ///< when another relay of the same id was complained of
  std::uint64_t beats_ = 0;
  /// Answers may come when this is gone.
  std::shared_ptr<Registry*> self_ = std::make_shared<Registry*>(this);
};

}  // namespace plugin
