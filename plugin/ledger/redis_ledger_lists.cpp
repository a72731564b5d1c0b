// What the Redis ledger is asked for as lists (redis_ledger.h): page by page, so that no call holds the
// server for long.
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "ledger/ledger_scripts.h"
#include "ledger/redis_ledger.h"

namespace plugin {

namespace keys = ledger_keys;
using broker::AccountKey;
using broker::AccountUsage;
using broker::Error;
using broker::Incarnation;
using broker::Nothing;
using broker::Result;
using Revocation = broker::LedgerStore::Revocation;

namespace {

constexpr std::size_t page = 500;

const Error not_understood{"the Redis ledger answered something else than was asked for"};

std::optional<std::uint64_t> amount_in(const redis::Reply& reply) {
  std::uint64_t value = 0;
  if (!reply.is_text()) return std::nullopt;
  const char* end = reply.text.data() + reply.text.size();
  const auto [stop, error] = std::from_chars(reply.text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<AccountUsage> usage_in(const redis::Reply& reply, const AccountKey& key) {
  if (!reply.has_items(6)) return std::nullopt;
  std::array<std::uint64_t, 6> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = amount_in(reply.items[i]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  AccountUsage usage;
  usage.account = key;
  usage.granted_octets = values[0];
  usage.charged_octets = values[1];
  usage.used = {{values[2], values[3]}, {values[4], values[5]}};
  return usage;
}

redis::Command command(std::vector<std::string> arguments) {
  redis::Command made;
  made.routing_key = arguments.at(1);
  made.arguments = std::move(arguments);
  return made;
}

/// Walks the accounts of all shards and asks for the sums of each page. Lives until it is done.
class UsageWalk : public std::enable_shared_from_this<UsageWalk> {
 public:
  UsageWalk(redis::Client& client, broker::UnixSeconds since_s,
            broker::LedgerLink::Done<std::vector<AccountUsage>> done)
      : client_(client), since_s_(since_s), done_(std::move(done)) {}

  void scan() {
    client_.call(
        command({"SSCAN", keys::all_accounts(shard_), cursor_, "COUNT", std::to_string(page)}),
        [walk = shared_from_this()](const Result<redis::Answer>& answer) {
          walk->take_page(answer);
        });
  }

 private:
  void take_page(const Result<redis::Answer>& answer) {
    if (!answer) return done_(answer.error());
    const auto& reply = answer.value().reply;
    if (!reply.has_items(2) || !reply.items[0].is_text() || !reply.items[1].is_array())
      return done_(not_understood);
    cursor_ = reply.items[0].text;
    names_.clear();
    accounts_.clear();
    for (const auto& item : reply.items[1].items) {
      const auto account = keys::account_of(item.text);
      if (!account || account->period_start_s < since_s_) continue;
      names_.push_back(item.text);
      accounts_.push_back(*account);
    }
    if (names_.empty()) return next();
    client_.eval(
        ledger_scripts::usage(), names_, {},
        [walk = shared_from_this()](const Result<redis::Answer>& sums) { walk->take_sums(sums); });
  }

  void take_sums(const Result<redis::Answer>& answer) {
    if (!answer) return done_(answer.error());
    const auto& reply = answer.value().reply;
    if (!reply.is_array() || reply.items.size() != accounts_.size()) return done_(not_understood);
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
      const auto usage = usage_in(reply.items[i], accounts_[i]);
      if (!usage) return done_(Error{"the Redis ledger's key " + names_[i] + " is damaged"});
      found_.push_back(*usage);
    }
    next();
  }

  void next() {
    if (cursor_ == "0" && ++shard_ == keys::shards) {
      // A scan may tell of a member twice.
      std::ranges::sort(found_, {}, &AccountUsage::account);
      const auto twice = std::unique(
          found_.begin(), found_.end(),
          [](const auto& one, const auto& other) { return one.account == other.account; });
      found_.erase(twice, found_.end());
      return done_(std::move(found_));
    }
    scan();
  }

  redis::Client& client_;
  broker::UnixSeconds since_s_;
  broker::LedgerLink::Done<std::vector<AccountUsage>> done_;
  std::size_t shard_ = 0;
  std::string cursor_ = "0";
  std::vector<std::string> names_;
  std::vector<AccountKey> accounts_;
  std::vector<AccountUsage> found_;
};

/// Reads the revocations in the order they end.
class RevocationWalk : public std::enable_shared_from_this<RevocationWalk> {
 public:
  RevocationWalk(redis::Client& client, broker::UnixSeconds now_s,
                 broker::LedgerLink::Done<std::vector<Revocation>> done)
      : client_(client), now_s_(now_s), done_(std::move(done)) {}

  void read() {
    client_.call(
        command({"ZRANGEBYSCORE", keys::revoked_until(), "(" + std::to_string(now_s_), "+inf",
                 "WITHSCORES", "LIMIT", std::to_string(read_), std::to_string(page)}),
        [walk = shared_from_this()](const Result<redis::Answer>& answer) {
          walk->take_page(answer);
        });
  }

 private:
  void take_page(const Result<redis::Answer>& answer) {
    if (!answer) return done_(answer.error());
    const auto& items = answer.value().reply.items;
    if (!answer.value().reply.is_array() || items.size() % 2 != 0) return done_(not_understood);
    first_ = found_.size();
    std::vector<std::string> ask{"HMGET", keys::revoked_since()};
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const auto until_s = amount_in(items[i + 1]);
      if (!items[i].is_text() || !until_s) return done_(not_understood);
      found_.push_back({items[i].text, 0, static_cast<broker::UnixSeconds>(*until_s)});
      ask.push_back(items[i].text);
    }
    read_ += items.size() / 2;
    if (items.empty()) return finish();
    client_.call(command(std::move(ask)),
                 [walk = shared_from_this()](const Result<redis::Answer>& since) {
                   walk->take_since(since);
                 });
  }

  void take_since(const Result<redis::Answer>& answer) {
    if (!answer) return done_(answer.error());
    const auto& reply = answer.value().reply;
    if (!reply.is_array() || reply.items.size() != found_.size() - first_)
      return done_(not_understood);
    for (std::size_t i = 0; i < reply.items.size(); ++i)
      if (const auto since_s = amount_in(reply.items[i]))
        found_[first_ + i].revoked_at_s = static_cast<broker::UnixSeconds>(*since_s);
    if (reply.items.size() < page) return finish();
    read();
  }

  void finish() {
    std::ranges::sort(found_, {}, &Revocation::what);
    done_(std::move(found_));
  }

  redis::Client& client_;
  broker::UnixSeconds now_s_;
  broker::LedgerLink::Done<std::vector<Revocation>> done_;
  std::size_t read_ = 0;   ///< entries asked for already
  std::size_t first_ = 0;  ///< of the page, in found_
  std::vector<Revocation> found_;
};

}  // namespace

void RedisLedger::usage(broker::UnixSeconds since_s, Done<std::vector<AccountUsage>> done) {
  std::make_shared<UsageWalk>(client_, since_s, std::move(done))->scan();
}

void RedisLedger::revocations(broker::UnixSeconds now_s, Done<std::vector<Revocation>> done) {
  std::make_shared<RevocationWalk>(client_, now_s, std::move(done))->read();
}

void RedisLedger::revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
                         broker::UnixSeconds forget_after_s, Done<Nothing> done) {
  if (what.empty() || what.size() > broker::revocation_octets_max)
    return done(Error{"what is revoked has " + std::to_string(what.size()) + " octets; 1 to " +
                      std::to_string(broker::revocation_octets_max) + " are allowed"});
  client_.eval(ledger_scripts::revoke(), {keys::revoked_since(), keys::revoked_until()},
               {what, std::to_string(revoked_at_s), std::to_string(forget_after_s),
                std::to_string(broker::revocations_max)},
               [done = std::move(done)](const Result<redis::Answer>& answer) {
                 if (answer)
                   done(Nothing{});
                 else
                   done(answer.error());
               });
}

void RedisLedger::open_incarnations(const std::string& relay_id,
                                    Done<std::vector<Incarnation>> done) {
  struct Gathered {
    std::vector<Incarnation> found;
    std::optional<Error> error;
    std::size_t open = keys::shards;
    Done<std::vector<Incarnation>> done;
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->done = std::move(done);
  for (std::size_t shard = 0; shard < keys::shards; ++shard)
    client_.call(command({"SMEMBERS", keys::open_incarnations(shard, relay_id)}),
                 [gathered](const Result<redis::Answer>& answer) {
                   if (!answer)
                     gathered->error = answer.error();
                   else
                     for (const auto& item : answer.value().reply.items)
                       if (auto incarnation = keys::incarnation_of(item.text))
                         gathered->found.push_back(std::move(*incarnation));
                   if (--gathered->open != 0) return;
                   if (gathered->error) return gathered->done(*gathered->error);
                   auto& found = gathered->found;
                   std::ranges::sort(found);
                   found.erase(std::unique(found.begin(), found.end()), found.end());
                   gathered->done(std::move(found));
                 });
}

}  // namespace plugin
