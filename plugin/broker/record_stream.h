// Copies the usage records to a Redis stream, for billing: at least once, in order for each relay. What
// may come twice has the same `id`, which no other allocation of any relay ever has.
//
//   turnbroker:{records}:usage   XADD MAXLEN ~ records_max, fields id (the record's `allocation`) and record
//                                (its JSON line)
//
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clock.h"
#include "host.h"
#include "records/record_tail.h"
#include "redis/client.h"

namespace plugin {

class RecordStream {
 public:
  static constexpr const char* key = "turnbroker:{records}:usage";

  /// Client, host and clock borrowed.
  RecordStream(redis::Client& client, const Host& host, const Clock& clock,
               std::string records_path, std::uint32_t records_max);

  /// To be called about once a second: sends what has come in within a few seconds, one batch after the other
  /// has been answered. After an error the rest waits for the next time.
  void look();
  /// Sends what there is, if nothing is on its way. To be called until it is idle before a stop.
  void flush();
  /// Of the record files, that the stream does not have yet. Looks at the files.
  [[nodiscard]] std::uint64_t backlog_octets() const { return tail_.octets_left(); }
  /// Nothing is on its way.
  [[nodiscard]] bool is_idle() const { return open_ == 0; }

 private:
  void note_sent(const std::vector<std::string>& records);
  void take(bool stored, const std::string& error);

  redis::Client& client_;
  const Host& host_;
  const Clock& clock_;
  RecordTail tail_;
  std::uint32_t records_max_;
  std::size_t open_ = 0;      ///< commands that are on their way
  std::int64_t next_ms_ = 0;  ///< steady
  /// Of what there was at the last look, that no batch has had yet.
  std::uint64_t to_send_octets_ = 0;
  bool failed_ = false;
  std::string told_;  ///< the last error, told once
  std::uint64_t gaps_told_ = 0;
  /// Answers may come when this is gone.
  std::shared_ptr<RecordStream*> self_ = std::make_shared<RecordStream*>(this);
};

}  // namespace plugin
