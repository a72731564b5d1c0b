// The ledger's books as they are stored, for those who look them over: every account with the share that
// each relay has of it. Reading changes nothing.
// Owner: the broker. Threads: one thread at a time; answers come on that thread, and may come before
// the call returns. Destroying a reader drops what is outstanding uncalled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/ports/ledger_store.h"

namespace broker {

/// What a store knows of an incarnation.
enum class IncarnationState : std::uint8_t {
  open,     ///< it has reported and not ended
  ended,    ///< it cannot report any more
  unknown,  ///< neither
};

[[nodiscard]] constexpr std::string_view to_string(IncarnationState state) {
  switch (state) {
    case IncarnationState::open: return "open";
    case IncarnationState::ended: return "ended";
    case IncarnationState::unknown: return "unknown";
  }
  return "";
}

struct BookedShare {
  Incarnation who;  ///< relay_id is empty when the store does not know whose it is
  Share share;
  IncarnationState state = IncarnationState::open;
  bool listed = true;  ///< the end of the incarnation will find it
};

/// One account, read at one moment.
struct AccountBooks {
  AccountKey account;
  Share totals;  ///< as stored: over all shares and ended incarnations; its sequence is not used
  std::optional<std::uint64_t> holders;  ///< as stored; nullopt: this store does not count them
  std::vector<BookedShare> shares;
  bool listed = true;                 ///< who asks for all accounts is told of it
  std::vector<std::string> damage{};  ///< what cannot be read, each a sentence
};

struct BooksPage {
  std::vector<AccountBooks> accounts;  ///< each is on one page only
  std::vector<std::string> damage;     ///< what belongs to no account, each a sentence
  bool last = false;
};

struct BooksQuery {
  std::string csp;       ///< empty: of all
  bool clients = false;  ///< also accounts of single client names
  /// Lives that are known to go on: what only they name is found, too.
  std::vector<Incarnation> known{};
};

class BooksReader {
 public:
  using Done = std::function<void(Result<BooksPage>)>;
  virtual ~BooksReader() = default;
  /// Some hundred accounts more. Not to be called before the answer to the last call, nor after the last
  /// page or an error.
  virtual void next(Done done) = 0;
};

class LedgerBooks {
 public:
  virtual ~LedgerBooks() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<BooksReader>> read(const BooksQuery& query) = 0;
};

}  // namespace broker
