// The books of the ledger in SQLite (broker/ports/ledger_books.h), read over a connection that cannot write:
// each page is of one moment, and no exchange waits for it.
// Owner: the broker. Threads: one thread at a time; calls block for the disk. Readers answer at once.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "broker/ports/ledger_books.h"

namespace plugin {

class SqliteBooks final : public broker::LedgerBooks {
 public:
  explicit SqliteBooks(std::string path) : path_(std::move(path)) {}

  /// An error names the file, as when there is none.
  [[nodiscard]] broker::Result<std::unique_ptr<broker::BooksReader>> read(
      const broker::BooksQuery& query) override;

 private:
  std::string path_;
};

}  // namespace plugin
