#include "broker/ledger_audit.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/names.h"
#include "broker/octets.h"

namespace broker {

namespace {

using Kind = FindingKind;

constexpr std::array<std::pair<Kind, std::string_view>, 19> kinds{{
    {Kind::damaged, "damaged"},
    {Kind::totals_below_shares, "totals_below_shares"},
    {Kind::unspent_of_nobody, "unspent_of_nobody"},
    {Kind::holders_miscounted, "holders_miscounted"},
    {Kind::granted_below_charged, "granted_below_charged"},
    {Kind::charged_beyond_used, "charged_beyond_used"},
    {Kind::granted_beyond_limit, "granted_beyond_limit"},
    {Kind::share_of_ended, "share_of_ended"},
    {Kind::share_of_unknown, "share_of_unknown"},
    {Kind::share_not_listed, "share_not_listed"},
    {Kind::account_not_listed, "account_not_listed"},
    {Kind::own_share_missing, "own_share_missing"},
    {Kind::own_share_differs, "own_share_differs"},
    {Kind::own_grant_unknown, "own_grant_unknown"},
    {Kind::limit_was_lowered, "limit_was_lowered"},
    {Kind::not_reported, "not_reported"},
    {Kind::relay_gone, "relay_gone"},
    {Kind::other_incarnation, "other_incarnation"},
    {Kind::own_not_checked, "own_not_checked"},
}};

std::string octets_text(std::uint64_t octets) { return std::to_string(octets) + " octets"; }

std::string hex(std::uint64_t id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = digits[static_cast<std::size_t>(id >> (60 - 4 * i)) & 0xfU];
  return out;
}

/// "relay fra-1 (incarnation 00000000000000a1)"
std::string name_of(const Incarnation& who) {
  if (who.relay_id.empty()) return "incarnation number " + std::to_string(who.id);
  return "relay " + for_log(who.relay_id) + " (incarnation " + hex(who.id) + ")";
}

std::uint64_t octets_of(const UsedTotals& used) {
  return saturating_add(used.octets[0], used.octets[1]);
}

struct Amount {
  std::string_view name;
  std::uint64_t value = 0;
};

std::array<Amount, 6> amounts_of(const Share& share) {
  return {{{"granted octets", share.granted_octets},
           {"charged octets", share.charged_octets},
           {"octets towards peers", share.used.octets[0]},
           {"octets towards clients", share.used.octets[1]},
           {"packets towards peers", share.used.packets[0]},
           {"packets towards clients", share.used.packets[1]}}};
}

class Audit {
 public:
  Audit(const AccountBooks& books, const AuditContext& context)
      : books_(books), context_(context) {}

  std::vector<Finding> run() {
    for (const std::string& what : books_.damage) add(Kind::damaged, what);
    // With amounts that cannot be read no sum means anything.
    if (books_.damage.empty()) {
      check_sums();
      check_amounts("the total", books_.totals, "");
      check_limit();
    }
    check_shares();
    if (!books_.listed)
      add(Kind::account_not_listed,
          "the account is not in the ledger's list of accounts, and who asks for all of them is "
          "not "
          "told of it: no report mends that; put its key back into the list");
    check_own();
    std::ranges::stable_sort(found_, {}, &Finding::kind);
    return std::move(found_);
  }

 private:
  void add(Kind kind, std::string text, const std::string& relay = {}) {
    found_.push_back({kind, books_.account, relay, std::move(text)});
  }

  void check_sums() {
    std::array<std::uint64_t, 6> sums{};
    std::uint64_t unspent = 0;
    std::uint64_t holders = 0;
    for (const BookedShare& booked : books_.shares) {
      const auto amounts = amounts_of(booked.share);
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = saturating_add(sums[i], amounts[i].value);
      unspent = saturating_add(
          unspent, saturating_sub(booked.share.granted_octets, booked.share.charged_octets));
      if (booked.share.granted_octets > booked.share.charged_octets) ++holders;
    }
    const auto totals = amounts_of(books_.totals);
    for (std::size_t i = 0; i < sums.size(); ++i)
      if (totals[i].value < sums[i])
        add(Kind::totals_below_shares, "the stored total of " + std::string(totals[i].name) +
                                           " is " + std::to_string(totals[i].value) +
                                           ", but the shares of relays that have not ended "
                                           "come to " +
                                           std::to_string(sums[i]) +
                                           ": something else than a relay has changed one of them");
    const std::uint64_t booked_unspent =
        saturating_sub(books_.totals.granted_octets, books_.totals.charged_octets);
    if (booked_unspent > unspent)
      add(Kind::unspent_of_nobody,
          octets_text(booked_unspent - unspent) + " are granted to nobody: by the totals " +
              std::to_string(booked_unspent) + " are granted and unspent, by the shares " +
              std::to_string(unspent) + "; they stay unusable until the period ends");
    else if (booked_unspent < unspent)
      add(Kind::unspent_of_nobody,
          octets_text(unspent - booked_unspent) + " may be granted twice: by the totals " +
              std::to_string(booked_unspent) + " are granted and unspent, by the shares " +
              std::to_string(unspent) + "; lower the quota by that much until the period ends");
    if (books_.holders && *books_.holders != holders)
      add(Kind::holders_miscounted,
          "the stored number of relays that hold unspent octets is " +
              std::to_string(*books_.holders) + ", by the shares it is " + std::to_string(holders) +
              ": grants become smaller or larger than need be, and nothing worse");
  }

  void check_amounts(const std::string& of, const Share& share, const std::string& relay) {
    if (share.granted_octets < share.charged_octets)
      add(Kind::granted_below_charged,
          of + " has " + octets_text(share.charged_octets) + " charged of only " +
              std::to_string(share.granted_octets) +
              " granted: nothing is spent before it is granted, so one of the two was changed",
          relay);
    if (share.charged_octets > octets_of(share.used))
      add(Kind::charged_beyond_used,
          of + " has " + octets_text(share.charged_octets) + " charged, but only " +
              std::to_string(octets_of(share.used)) +
              " relayed: only what is relayed is charged, so one of the two was changed",
          relay);
  }

  void check_limit() {
    const std::uint64_t granted = books_.totals.granted_octets;
    if (!context_.limit_octets || granted <= *context_.limit_octets) return;
    const std::string found =
        octets_text(granted) + " are granted, " + std::to_string(books_.totals.charged_octets) +
        " of them used, of a limit of " + std::to_string(*context_.limit_octets) + ": ";
    if (granted <= context_.limit_highest_octets)
      add(Kind::limit_was_lowered, found + "it was " +
                                       std::to_string(context_.limit_highest_octets) +
                                       " when they were granted, and no more are");
    else if (context_.may_go_beyond)
      add(Kind::limit_was_lowered,
          found +
              "relays may go beyond it, by on_store_loss = \"continue\" or lost_grant = "
              "\"refund\", or it was lowered before this relay was started");
    else
      add(Kind::granted_beyond_limit,
          found +
              "either it was lowered before this relay was started, or another relay is "
              "configured with a higher one, or the ledger was changed by something else than a "
              "relay");
  }

  void check_shares() {
    for (const BookedShare& booked : books_.shares) check_share(booked);
  }

  void check_share(const BookedShare& booked) {
    const std::string who = name_of(booked.who);
    const std::string unspent =
        octets_text(saturating_sub(booked.share.granted_octets, booked.share.charged_octets));
    const std::string& relay = booked.who.relay_id;
    check_amounts("the share of " + who, booked.share, relay);
    if (booked.state == IncarnationState::ended)
      add(Kind::share_of_ended,
          who + " has ended and still has a share, which it cannot report on any more: the " +
              unspent + " unspent in it stay unusable until the period ends",
          relay);
    else if (booked.state == IncarnationState::unknown)
      add(Kind::share_of_unknown,
          who +
              " has a share, and the ledger knows it neither as open nor as ended, so that its "
              "relay will not end it when it starts again: the " +
              unspent + " unspent in it stay unusable until it reports",
          relay);
    if (!booked.listed)
      add(Kind::share_not_listed,
          "the share of " + who +
              " is not in the list of that incarnation's accounts, and its end will not find it: "
              "the " +
              unspent + " unspent in it would stay unusable",
          relay);
  }

  void check_own() {
    if (!context_.own) return;
    const OwnShare& own = *context_.own;
    const auto mine = std::ranges::find(books_.shares, context_.self, &BookedShare::who);
    const std::string who = "relay " + for_log(context_.self.relay_id) + ", which answers this,";
    if (mine == books_.shares.end()) {
      if (own.reported_least_octets != 0)
        add(Kind::own_share_missing,
            who + " has reported " + octets_text(own.reported_least_octets) +
                " of the account, and the ledger has no share of it: the share was removed; it is "
                "there again with the relay's next report",
            context_.self.relay_id);
      return;
    }
    const std::uint64_t booked = octets_of(mine->share.used);
    if (booked < own.reported_least_octets || booked > own.reported_most_octets)
      add(Kind::own_share_differs,
          who + " has reported " + octets_text(own.reported_most_octets) + ", its share says " +
              std::to_string(booked) +
              ": something else has changed it; it is right again with the "
              "relay's next report",
          context_.self.relay_id);
    else if (booked < own.used_octets)
      add(Kind::not_reported,
          who + " has relayed " + octets_text(own.used_octets - booked) +
              " since it last reported, which its next report tells",
          context_.self.relay_id);
    if (mine->share.granted_octets < own.granted_octets)
      add(Kind::own_grant_unknown,
          who + " was granted " + octets_text(own.granted_octets) + ", its share says " +
              std::to_string(mine->share.granted_octets) +
              ": the difference may be granted to another relay, too, until it has reported",
          context_.self.relay_id);
  }

  const AccountBooks& books_;
  const AuditContext& context_;
  std::vector<Finding> found_;
};

}  // namespace

std::string_view to_string(FindingKind kind) {
  const auto found = std::ranges::find(kinds, kind, [](const auto& each) { return each.first; });
  return found == kinds.end() ? "" : found->second;
}

bool is_fault(FindingKind kind) { return kind < FindingKind::limit_was_lowered; }

std::vector<Finding> audit_account(const AccountBooks& books, const AuditContext& context) {
  return Audit(books, context).run();
}

void add_holdings(const AccountBooks& books, OpenHoldings& holdings) {
  for (const BookedShare& booked : books.shares) {
    if (booked.state != IncarnationState::open) continue;
    std::uint64_t& sum = holdings[booked.who];
    sum = saturating_add(sum,
                         saturating_sub(booked.share.granted_octets, booked.share.charged_octets));
  }
}

std::vector<Finding> audit_incarnations(const OpenHoldings& holdings,
                                        std::span<const Incarnation> alive) {
  std::vector<Finding> found;
  for (const auto& [who, unspent] : holdings) {
    const auto relay = std::ranges::find(alive, who.relay_id, &Incarnation::relay_id);
    if (relay == alive.end())
      found.push_back({Kind::relay_gone, std::nullopt, who.relay_id,
                       name_of(who) + " has shares that are open, with " + octets_text(unspent) +
                           " unspent, and tells nothing of itself: start it again with its state "
                           "directory, and it settles them"});
    else if (relay->id != 0 && relay->id != who.id)
      found.push_back({Kind::other_incarnation, std::nullopt, who.relay_id,
                       name_of(who) + " has shares that are open, with " + octets_text(unspent) +
                           " unspent, while a relay of that id tells of itself as incarnation " +
                           hex(relay->id) +
                           ": it was just started, or two relays have the same id"});
  }
  return found;
}

std::string account_text(const AccountKey& account) {
  std::string text =
      for_log(account.csp, csp_id_octets_max) + "/" + std::string(to_string(account.media)) +
      (account.period_start_s == 0 ? " in total" : " since " + format_utc(account.period_start_s));
  if (!account.client.empty()) text += " client " + for_log(account.client);
  return text;
}

}  // namespace broker
