#include "relay/relay_side.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <variant>

#include "credit/slice.h"
#include "meter/meter_access.h"
#include "relay/foreign_name.h"

namespace plugin {

namespace {

/// Who an allocation is for, from whatever authenticated it.
struct Holder {
  std::string_view csp;
  broker::MediaType media = broker::MediaType::data;
  std::string_view name;
  std::uint64_t who_hash = 0;
  broker::UnixSeconds expiry_s = 0;
  broker::UnixSeconds issued_s = 0;
};

bool is_revoked(const Revocations& revocations, const Holder& holder) {
  return revocations.cover(holder.csp, holder.who_hash, holder.issued_s);
}

Holder holder_of(const broker::AcceptedUser& user) {
  return {user.csp,      user.media,   user.client_name, hash_of_who(user.who),
          user.expiry_s, user.issued_s};
}

}  // namespace

turn_verdict RelaySide::credential_wanted(const turn_credential_request& in,
                                          turn_credential_answer& out) {
  const Snapshot& now = *snapshots_.current();
  const char* username = in.requester.username;
  auto check = broker::check_username(username, *now.config, clock_.unix_ms() / 1000);

  if (const auto* refused = std::get_if<broker::RefusedUser>(&check)) {
    client_log_.warning("credentials of user {} refused: {}", broker::for_log(username),
                        refused->reason);
    return TURN_VERDICT_REJECT;
  }
  if (std::holds_alternative<broker::ForeignUser>(check)) {
    if (!now.config->default_csp.empty()) return TURN_VERDICT_DEFER;
    client_log_.warning(
        "credentials of user {} refused: not issued by the broker or a CSP, and [broker] "
        "default_csp "
        "is not set",
        broker::for_log(username));
    return TURN_VERDICT_REJECT;
  }
  const auto& user = std::get<broker::AcceptedUser>(check);
  if (is_revoked(*now.revocations, holder_of(user))) {
    client_log_.warning("credentials of user {} refused: revoked", broker::for_log(username));
    return TURN_VERDICT_REJECT;
  }
  out.passwords_count = 0;
  for (const auto& password : user.passwords) {
    if (out.passwords_count == TURN_PASSWORDS_MAX) break;
    const auto text = password.reveal();
    if (text.size() >= TURN_PASSWORD_OCTETS_MAX) continue;
    char* target = out.passwords[out.passwords_count++];
    std::memcpy(target, text.data(), text.size());
    target[text.size()] = '\0';
  }
  return out.passwords_count == 0 ? TURN_VERDICT_REJECT : TURN_VERDICT_ALLOW;
}

turn_verdict RelaySide::allocation_wanted(const turn_allocation_request& in,
                                          turn_allocation_answer& out) {
  const Snapshot& now = *snapshots_.current();
  const char* username = in.requester.username;
  const auto reject = [&](std::uint16_t code) {
    count_refusal(code);
    out.error_code = code;
    return TURN_VERDICT_REJECT;
  };

  broker::UserCheck check = broker::ForeignUser{};
  std::optional<std::string> foreign;
  Holder holder;
  if (in.authenticated_by_plugin) {
    check = broker::check_username(username, *now.config, clock_.unix_ms() / 1000);
    const auto* user = std::get_if<broker::AcceptedUser>(&check);
    if (user == nullptr) {
      client_log_.warning("allocation of user {} refused: the credentials are no longer valid",
                          broker::for_log(username));
      return reject(stun_unauthorized);
    }
    holder = holder_of(*user);
  } else {
    if (now.config->default_csp.empty()) {
      client_log_.warning("allocation of user {} refused: [broker] default_csp is not set",
                          broker::for_log(username));
      return reject(stun_forbidden);
    }
    foreign = foreign_client_name(username);
    if (!foreign) return reject(stun_server_error);
    holder.csp = now.config->default_csp;
    holder.name = *foreign;
    holder.issued_s = clock_.unix_ms() / 1000;
  }
  if (is_revoked(*now.revocations, holder)) {
    client_log_.warning("allocation of user {} refused: revoked", broker::for_log(username));
    return reject(stun_unauthorized);
  }
  if (now.draining) return reject(stun_insufficient_capacity);

  const auto csp = now.accounts.find(holder.csp);
  Account* account =
      csp == now.accounts.end() ? nullptr : csp->second[static_cast<std::size_t>(holder.media)];
  if (account == nullptr) return reject(stun_forbidden);

  AllocationSlot* slot = table_.take_allocation();
  if (slot == nullptr) {
    client_log_.warning(
        "allocation of user {} refused: the meter table is full "
        "([broker.limits] allocations_max)",
        broker::for_log(username));
    return reject(stun_insufficient_capacity);
  }
  slot->account = account->slot;
  slot->id = in.requester.session_id;
  slot->start_ms = clock_.unix_ms();
  slot->expiry_s = holder.expiry_s;
  slot->issued_s = holder.issued_s;
  slot->who_hash = holder.who_hash;
  slot->client = in.requester.client;
  slot->transport = static_cast<std::uint8_t>(in.requester.client_transport);
  slot->name_length = static_cast<std::uint8_t>(std::min(holder.name.size(), sizeof slot->name));
  std::memcpy(slot->name, holder.name.data(), slot->name_length);

  const auto& quota = now.config->csps.find(holder.csp)->second.quotas.find(holder.media)->second;
  const bool per_client = quota.per_client.has_value() && slot->name_length != 0;
  return let_in(in, *slot, *account, per_client, out);
}

/// At once where this relay has all that it takes, or else when the broker has asked for it.
turn_verdict RelaySide::let_in(const turn_allocation_request& in, AllocationSlot& slot,
                               Account& account, bool per_client, turn_allocation_answer& out) {
  const auto reject = [&](std::uint16_t code) {
    table_.put_back(slot);
    count_refusal(code);
    out.error_code = code;
    return TURN_VERDICT_REJECT;
  };
  if (!per_client && account.ready.load(std::memory_order_acquire)) {
    switch (admit(slot, account, nullptr)) {
      case Admission::admitted_wake_broker: inbox_.wake(); [[fallthrough]];
      case Admission::admitted: lend(slot, out); return TURN_VERDICT_ALLOW;
      case Admission::refused: return reject(stun_allocation_quota_reached);
      case Admission::no_place: break;
    }
    if (!account.places->may_get_more()) return reject(stun_allocation_quota_reached);
  }
  if (!inbox_.push(in.requester.relay_thread, {in.request_id, &slot, &account, per_client}))
    return reject(stun_insufficient_capacity);
  inbox_.wake();
  return TURN_VERDICT_PENDING;
}

Admission admit(AllocationSlot& slot, Account& account, Account* client) {
  const auto refused = [](const Account& a) {
    return refuses(a.stage.load(std::memory_order_acquire));
  };
  account.live.fetch_add(1, std::memory_order_relaxed);
  const bool no = refused(account) || (client != nullptr && refused(*client));
  const auto place = no || account.places == nullptr ? Places::Taken::yes : account.places->take();
  if (no || place == Places::Taken::no) {
    account.live.fetch_sub(1, std::memory_order_relaxed);
    return no ? Admission::refused : Admission::no_place;
  }
  if (client != nullptr) {
    client->live.fetch_add(1, std::memory_order_relaxed);
    slot.client_account = client->slot;
  }
  slot.meter.charged_directions = account.charged_directions.load(std::memory_order_relaxed);
  slot.state.store(SlotState::live, std::memory_order_release);
  return place == Places::Taken::yes_and_low ? Admission::admitted_wake_broker
                                             : Admission::admitted;
}

void lend(AllocationSlot& slot, turn_allocation_answer& out) {
  out.meter = &slot.meter;
  out.plugin_data = slot.sequence;
}

void RelaySide::allocation_created(const turn_allocation_created& in) {
  if (in.allocation.meter == nullptr) return;
  AllocationSlot& slot = MeterTable::slot_of(*in.allocation.meter);
  slot.relayed[0] = in.relayed[0];
  slot.relayed[1] = in.relayed[1];
  slot.created.store(1, std::memory_order_release);
}

void RelaySide::allocation_closed(const turn_allocation_closed& in) {
  if (in.allocation.meter == nullptr) return;
  AllocationSlot& slot = MeterTable::slot_of(*in.allocation.meter);
  slot.end_ms.store(clock_.unix_ms(), std::memory_order_relaxed);
  slot.close_reason = static_cast<std::uint8_t>(in.reason);
  if (give_up(table_, accounts_, slot)) inbox_.wake();
}

bool give_up(MeterTable& table, AccountIndex& accounts, AllocationSlot& slot) {
  Account* const owners[] = {accounts.at(slot.client_account), accounts.at(slot.account)};
  const std::int64_t credit = take_credit_back(slot.meter);
  // An allocation that goes on in another period keeps its place.
  Places* const places = slot.continued != 0 || owners[1] == nullptr ? nullptr : owners[1]->places;
  for (Account* owner : owners)
    if (owner != nullptr) put_back(*owner, credit);
  table.close(slot);
  // Last: an account without live allocations may be freed once the closed ones are folded.
  for (Account* owner : owners)
    if (owner != nullptr) owner->live.fetch_sub(1, std::memory_order_release);
  return places != nullptr && places->give_back();
}

turn_credit_verdict RelaySide::credit_wanted(const turn_credit_request& in,
                                             turn_credit_answer& out) {
  if (in.allocation.meter == nullptr) return TURN_CREDIT_EXHAUSTED;
  AllocationSlot* slot = &MeterTable::slot_of(*in.allocation.meter);
  Account* account = accounts_.at(slot->account);
  Account* client = accounts_.at(slot->client_account);
  if (account == nullptr || in.needed_octets > INT64_MAX || in.useful_octets > INT64_MAX)
    return TURN_CREDIT_EXHAUSTED;

  if (account->stage.load(std::memory_order_acquire) == Stage::over) {
    slot = move_to_successor(*slot, *account, client);
    if (slot == nullptr) return TURN_CREDIT_LATER;
    // The host takes another meter only with this verdict. It charges that one, and asks again.
    out.meter = &slot->meter;
    return TURN_CREDIT_GRANTED;
  }

  const auto needed = static_cast<std::int64_t>(in.needed_octets);
  const auto useful = in.useful_octets == 0
                          ? needed
                          : std::min(needed, static_cast<std::int64_t>(in.useful_octets));
  const auto decision = draw_credit(*slot, *account, client, needed, useful, clock_.steady_ms());
  if (decision.wake_broker) inbox_.wake();
  switch (decision.verdict) {
    case CreditVerdict::granted: return TURN_CREDIT_GRANTED;
    case CreditVerdict::later: return TURN_CREDIT_LATER;
    case CreditVerdict::exhausted: return TURN_CREDIT_EXHAUSTED;
  }
  return TURN_CREDIT_EXHAUSTED;
}

AllocationSlot* RelaySide::move_to_successor(AllocationSlot& slot, Account& account,
                                             Account* client) {
  Account* next = account.successor.load(std::memory_order_acquire);
  Account* next_client =
      client == nullptr ? nullptr : client->successor.load(std::memory_order_acquire);
  if (next == nullptr || (client != nullptr && next_client == nullptr)) return nullptr;
  AllocationSlot* later = table_.take_allocation();
  if (later == nullptr) return nullptr;

  const auto used = used_of(slot);
  later->account = next->slot;
  later->client_account = next_client == nullptr ? no_slot : next_client->slot;
  later->id = slot.id;
  later->continues = slot.sequence;
  later->start_ms = slot.start_ms;
  later->expiry_s = slot.expiry_s;
  later->issued_s = slot.issued_s;
  later->who_hash = slot.who_hash;
  for (std::size_t d = 0; d < 2; ++d) {
    later->earlier_octets[d] = slot.earlier_octets[d] + used.octets[d];
    later->earlier_packets[d] = slot.earlier_packets[d] + used.packets[d];
    later->relayed[d] = slot.relayed[d];
  }
  later->client = slot.client;
  later->transport = slot.transport;
  later->created.store(slot.created.load(std::memory_order_relaxed), std::memory_order_relaxed);
  later->name_length = slot.name_length;
  std::memcpy(later->name, slot.name, sizeof later->name);
  later->meter.charged_directions = next->charged_directions.load(std::memory_order_relaxed);
  next->live.fetch_add(1, std::memory_order_relaxed);
  if (next_client != nullptr) next_client->live.fetch_add(1, std::memory_order_relaxed);
  later->state.store(SlotState::live, std::memory_order_release);

  slot.end_ms.store(clock_.unix_ms(), std::memory_order_relaxed);
  slot.continued = 1;
  [[maybe_unused]] const bool no_place = give_up(table_, accounts_, slot);
  return later;
}

}  // namespace plugin
