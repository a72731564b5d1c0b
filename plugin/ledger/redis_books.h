// The books of the Redis ledger (broker/ports/ledger_books.h), read one account at a time: each of them is
// of one moment, and no call holds the server for long.
// Owner: the broker. Threads: the broker thread; nothing blocks.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "broker/ports/ledger_books.h"
#include "redis/client.h"

namespace plugin {

class RedisBooks final : public broker::LedgerBooks {
 public:
  /// Borrowed; it must outlive this and the readers.
  explicit RedisBooks(redis::Client& client) : client_(client) {}

  [[nodiscard]] broker::Result<std::unique_ptr<broker::BooksReader>> read(
      const broker::BooksQuery& query) override;

 private:
  redis::Client& client_;
};

/// What the script books.lua answers. Fields that are not known are passed over, and so are words of a
/// share beyond those that are: a later version may have more. nullopt: it is no answer of that script.
[[nodiscard]] std::optional<broker::AccountBooks> account_books_in(
    const redis::Reply& reply, const broker::AccountKey& account);

}  // namespace plugin
