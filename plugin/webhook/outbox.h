// What webhooks have told of each account, and the messages that are not delivered yet: a SQLite file.
// Owner: Webhooks. Threads: one thread at a time; calls block for the disk.
//
// What is told of an account and the messages that tell it change in one transaction, synced before
// announce() returns: after `kill -9` a change is either announced and its message there, or neither.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "broker/config.h"
#include "broker/level.h"
#include "broker/media_type.h"
#include "broker/result.h"
#include "sqlite/sqlite_handle.h"

namespace plugin {

struct OutboxMessage {
  std::int64_t number = 0;  ///< delivery is in this order within a CSP
  std::string body;
  broker::UnixSeconds created_s = 0;
};

class Outbox {
 public:
  using AccountName = std::pair<std::string, broker::MediaType>;

  /// Opens the file, or creates it. The error names the path.
  [[nodiscard]] static broker::Result<std::unique_ptr<Outbox>> open(const std::string& path);

  [[nodiscard]] broker::Result<std::map<AccountName, broker::ToldLevel>> told();
  /// How many messages there are of each CSP.
  [[nodiscard]] broker::Result<std::map<std::string, std::size_t>> counts();

  /// From now on `told` is what is known of the account, once the messages are delivered.
  [[nodiscard]] broker::Status announce(const AccountName& account, const broker::ToldLevel& told,
                                        std::span<const std::string> bodies,
                                        broker::UnixSeconds now_s);
  [[nodiscard]] broker::Result<std::optional<OutboxMessage>> first(const std::string& csp);
  [[nodiscard]] broker::Status remove(std::int64_t number);
  /// CSPs that something is kept of.
  [[nodiscard]] broker::Result<std::set<std::string>> csps();
  /// Drops what is told and all messages of CSPs without a webhook that are not `spared`, and what is
  /// told of accounts without a quota. How many messages that were.
  [[nodiscard]] broker::Result<std::uint64_t> keep_only(const broker::Config& config,
                                                        const std::set<std::string>& spared);

 private:
  explicit Outbox(SqliteDatabase database) : database_(std::move(database)) {}
  [[nodiscard]] broker::Status prepare_statements();

  SqliteDatabase database_;  // declared first: the statements go before it
  SqliteStatement told_, counts_, csps_, tell_, add_, first_, remove_, forget_, drop_messages_;
};

}  // namespace plugin
