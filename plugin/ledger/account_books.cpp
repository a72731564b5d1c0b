// What books.lua answers, as values (redis_books.h).
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/names.h"
#include "ledger/ledger_keys.h"
#include "ledger/redis_books.h"
#include "ledger/redis_ledger.h"

namespace plugin {

namespace {

using broker::AccountBooks;
using broker::IncarnationState;

constexpr std::size_t sums = 6;  ///< of totals and of shares, in the same order
constexpr std::size_t share_words = sums + 1;

std::optional<std::uint64_t> amount_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      value > redis_octets_max)
    return std::nullopt;
  return value;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t from = text.find_first_not_of(' '); from != std::string_view::npos;
       from = text.find_first_not_of(' ', from)) {
    const std::size_t end = std::min(text.find(' ', from), text.size());
    words.push_back(text.substr(from, end - from));
    from = end;
  }
  return words;
}

broker::Share share_of(const std::array<std::uint64_t, share_words>& values) {
  broker::Share share;
  share.granted_octets = values[0];
  share.charged_octets = values[1];
  share.used.octets = {values[2], values[3]};
  share.used.packets = {values[4], values[5]};
  share.sequence = values[6];
  return share;
}

std::optional<broker::Share> share_in(std::string_view text) {
  const auto words = words_of(text);
  if (words.size() < share_words) return std::nullopt;
  std::array<std::uint64_t, share_words> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = amount_in(words[i]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  return share_of(values);
}

IncarnationState state_in(std::string_view text) {
  for (const auto state : {IncarnationState::open, IncarnationState::ended})
    if (text == to_string(state)) return state;
  return IncarnationState::unknown;
}

/// By name; nullopt when the reply is no list of names and values.
std::optional<std::map<std::string, std::string>> fields_in(const redis::Reply& reply) {
  if (!reply.is_array() || reply.items.size() % 2 != 0) return std::nullopt;
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i < reply.items.size(); i += 2)
    fields[reply.items[i].text] = reply.items[i + 1].text;
  return fields;
}

/// A field that is missing is 0, as the ledger takes it.
std::uint64_t amount_of(const std::map<std::string, std::string>& fields, const std::string& name,
                        AccountBooks& books) {
  const auto field = fields.find(name);
  if (field == fields.end()) return 0;
  if (const auto value = amount_in(field->second)) return *value;
  books.damage.push_back("its field " + name + " is \"" + broker::for_log(field->second) +
                         "\", which is no amount");
  return 0;
}

void take_share(const redis::Reply& item, const std::map<std::string, std::string>& fields,
                AccountBooks& books) {
  const std::string& name = item.items[0].text;
  const auto who = ledger_keys::incarnation_of(name);
  const auto share = share_in(fields.find("s:" + name)->second);
  if (who && share)
    books.shares.push_back(
        {*who, *share, state_in(item.items[1].text), item.items[2].integer != 0});
  else
    books.damage.push_back("the share of \"" + broker::for_log(name) + "\" cannot be read");
}

}  // namespace

std::optional<AccountBooks> account_books_in(const redis::Reply& reply,
                                             const broker::AccountKey& account) {
  if (!reply.has_items(4) || !reply.items[2].is_array() || !reply.items[3].is_array())
    return std::nullopt;
  const auto fields = fields_in(reply.items[1]);
  if (!fields) return std::nullopt;
  AccountBooks books;
  books.account = account;
  books.listed = reply.items[0].integer != 0;
  for (const auto& error : reply.items[3].items)
    books.damage.push_back("a key of it cannot be read: " + broker::for_log(error.text));
  // Accounts of a period are forgotten some time after it, and leave the list later.
  if (fields->empty() && books.damage.empty() && account.period_start_s == 0)
    books.damage.emplace_back("it is listed, and nothing is stored of it");
  std::array<std::uint64_t, share_words> totals{};
  static const std::array<std::string, sums> names{"g", "c", "o0", "o1", "p0", "p1"};
  for (std::size_t i = 0; i < names.size(); ++i) totals[i] = amount_of(*fields, names[i], books);
  books.totals = share_of(totals);
  books.holders = amount_of(*fields, "h", books);
  std::size_t named = 0;
  for (const auto& [name, value] : *fields) named += name.starts_with("s:") ? 1 : 0;
  for (const auto& item : reply.items[2].items) {
    if (!item.has_items(3) || !fields->contains("s:" + item.items[0].text)) return std::nullopt;
    take_share(item, *fields, books);
  }
  if (named > reply.items[2].items.size())
    books.damage.emplace_back("it has a share without the name of a relay and an incarnation");
  return books;
}

}  // namespace plugin
