#include "ledger/redis_books.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/names.h"
#include "ledger/ledger_keys.h"
#include "ledger/ledger_scripts.h"

namespace plugin {

namespace keys = ledger_keys;
using broker::BooksPage;
using broker::Error;
using broker::Incarnation;
using broker::Result;

namespace {

constexpr std::size_t page = 200;

const Error not_understood{"the Redis ledger answered something else than its books"};

/// Walks the shards: the accounts that a shard lists, page by page, then those of which an incarnation
/// says that it has a share and which the shard does not list.
class Reader final : public broker::BooksReader {
 public:
  Reader(redis::Client& client, const broker::BooksQuery& query)
      : client_(client), query_(query), shards_(shards_of(query)) {}

  void next(Done done) override {
    done_ = std::move(done);
    page_ = {};
    step();
  }

 private:
  static std::vector<std::size_t> shards_of(const broker::BooksQuery& query) {
    std::set<std::size_t> found;
    if (query.csp.empty())
      for (std::size_t shard = 0; shard < keys::shards; ++shard) found.insert(shard);
    else
      for (const auto media : broker::all_media_types)
        found.insert(keys::shard_of({query.csp, media, 0, ""}));
    return {found.begin(), found.end()};
  }

  [[nodiscard]] std::size_t shard() const { return shards_[at_]; }

  /// The answer's way to this, which may be gone.
  template <typename Take>
  redis::Done back_to(Take&& take) {
    return [weak = std::weak_ptr(self_),
            take = std::forward<Take>(take)](const Result<redis::Answer>& answer) {
      if (const auto self = weak.lock()) take(**self, answer);
    };
  }

  void step() {
    if (cursor_ != "0" || !listed_) return scan();
    if (!lives_.empty()) return look_for_unlisted();
    listed_ = false;
    seen_.clear();
    if (++at_ == shards_.size()) {
      page_.last = true;
      return finish(std::move(page_));
    }
    scan();
  }

  /// An answer when there is something to tell, else the next step.
  void go_on() {
    if (error_) return finish(*error_);
    if (!page_.accounts.empty() || !page_.damage.empty()) return finish(std::move(page_));
    step();
  }

  void scan() {
    redis::Command command;
    command.routing_key = keys::all_accounts(shard());
    command.arguments = {"SSCAN", command.routing_key, cursor_, "COUNT", std::to_string(page)};
    client_.call(std::move(command),
                 back_to([](Reader& self, const auto& answer) { self.take_names(answer); }));
  }

  void take_names(const Result<redis::Answer>& answer) {
    if (!answer) return finish(answer.error());
    const auto& reply = answer.value().reply;
    if (!reply.has_items(2) || !reply.items[0].is_text() || !reply.items[1].is_array())
      return finish(not_understood);
    cursor_ = reply.items[0].text;
    if (cursor_ == "0") {
      listed_ = true;
      lives_.insert(query_.known.begin(), query_.known.end());
    }
    std::vector<std::string> names;
    for (const auto& item : reply.items[1].items)
      if (is_wanted(item.text)) names.push_back(item.text);
    ask_accounts(names);
  }

  /// Of incarnations with shares in this shard; some at a time.
  void look_for_unlisted() {
    std::vector<Incarnation> some;
    while (!lives_.empty() && some.size() < page)
      some.push_back(std::move(lives_.extract(lives_.begin()).value()));
    open_ = some.size();
    unlisted_.clear();
    for (const Incarnation& life : some) {
      redis::Command command;
      command.routing_key = keys::accounts_of(shard(), life);
      command.arguments = {"SDIFF", command.routing_key, keys::all_accounts(shard())};
      client_.call(std::move(command),
                   back_to([](Reader& self, const auto& found) { self.take_unlisted(found); }));
    }
  }

  void take_unlisted(const Result<redis::Answer>& answer) {
    if (!answer)
      error_ = answer.error();
    else
      for (const auto& item : answer.value().reply.items)
        if (is_wanted(item.text)) unlisted_.push_back(item.text);
    if (--open_ != 0) return;
    if (error_) return finish(*error_);
    // Those of a damaged list may be many.
    ask_accounts(std::exchange(unlisted_, {}));
  }

  bool is_wanted(const std::string& name) {
    const auto account = keys::account_of(name);
    if (!account || keys::account(*account) != name || keys::shard_of(*account) != shard()) {
      page_.damage.push_back("\"" + broker::for_log(name) + "\" is listed as an account of shard " +
                             std::to_string(shard()) + ", and is none");
      return false;
    }
    return (query_.csp.empty() || account->csp == query_.csp) &&
           (query_.clients || account->client.empty()) && seen_.insert(name).second;
  }

  void ask_accounts(const std::vector<std::string>& names) {
    open_ = names.size();
    if (names.empty()) return go_on();
    for (const std::string& name : names)
      client_.eval(ledger_scripts::books(), {name, keys::all_accounts(shard())},
                   {keys::in_shard(shard(), "")}, back_to([name](Reader& self, const auto& books) {
                     self.take_account(name, books);
                   }));
  }

  void take_account(const std::string& name, const Result<redis::Answer>& answer) {
    if (!answer) {
      error_ = answer.error();
    } else if (auto books = account_books_in(answer.value().reply, *keys::account_of(name))) {
      if (!query_.known.empty())
        for (const auto& booked : books->shares) lives_.insert(booked.who);
      const bool forgotten = books->shares.empty() && books->damage.empty() &&
                             books->totals == broker::Share{} && books->holders == 0;
      if (!forgotten) page_.accounts.push_back(std::move(*books));
    } else {
      error_ = not_understood;
    }
    if (--open_ == 0) go_on();
  }

  void finish(Result<BooksPage> result) {
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));  // may destroy this
  }

  redis::Client& client_;
  broker::BooksQuery query_;
  std::vector<std::size_t> shards_;
  std::size_t at_ = 0;  ///< in shards_
  std::string cursor_ = "0";
  bool listed_ = false;                ///< all accounts that the shard lists have been told
  std::set<std::string> seen_;         ///< accounts of the shard
  std::set<Incarnation> lives_;        ///< with shares in the shard, to be looked at yet
  std::vector<std::string> unlisted_;  ///< accounts that were found that way
  std::size_t open_ = 0;               ///< answers that are to come
  std::optional<Error> error_;
  BooksPage page_;
  Done done_;
  /// Answers may come when this is gone.
  std::shared_ptr<Reader*> self_ = std::make_shared<Reader*>(this);
};

}  // namespace

Result<std::unique_ptr<broker::BooksReader>> RedisBooks::read(const broker::BooksQuery& query) {
  return std::unique_ptr<broker::BooksReader>(std::make_unique<Reader>(client_, query));
}

}  // namespace plugin
