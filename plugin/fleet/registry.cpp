#include "fleet/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "fleet/fleet_view.h"
#include "fleet/registry_scripts.h"
#include "fleet/relay_status_text.h"

namespace plugin {

namespace {

const std::string relays_key = "turnbroker:{fleet}:relays";
const std::string relay_key = "turnbroker:{fleet}:relay:";
const std::string claim_key = "turnbroker:{fleet}:claim:";
const std::string roster_key = "turnbroker:{fleet}:roster";
constexpr std::int64_t forget_ms = std::int64_t{24} * 3'600 * 1'000;
/// Everybody reads what everybody told: in a large fleet both less often, and the server puts it together
/// only now and then.
constexpr std::int64_t beat_ms_per_relay = 4, beat_ms_max = 4'000;
constexpr std::int64_t ask_ms_per_relay = 10, ask_ms_max = 10'000;
constexpr std::size_t kept_from_relays = 32;
constexpr std::int64_t keep_ms = 1'000;
constexpr std::int64_t beats_in_ttl = 3;
constexpr std::int64_t twin_told_interval_ms = 60'000;

/// Up to the mark, which goes too; all there is when it is missing.
std::string_view take_until(std::string_view& text, char mark) {
  const auto at = std::min(text.find(mark), text.size());
  const auto taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

broker::Result<broker::RelayStatus> status_in(std::string_view entry, FieldViews& fields) {
  fields.clear();
  // One more than there may be, so that it is refused.
  while (!entry.empty() && fields.size() <= status_fields_max) {
    const auto name = take_until(entry, '\x1f');
    fields.emplace_back(name, take_until(entry, '\x1f'));
  }
  return from_fields(fields);
}

}  // namespace

Registry::Registry(redis::Client& client, const Host& host, const Clock& clock)
    : client_(client),
      host_(host),
      clock_(clock),
      heartbeat_(host, "the relay cannot tell the fleet of itself (" + relays_key + ", " +
                           relay_key + "ID)"),
      roster_read_(host, "the relay cannot read who is in the fleet (" + relays_key + ", " +
                             relay_key + "ID)") {}

std::int64_t Registry::beat_ms() const {
  return std::clamp(static_cast<std::int64_t>(relays_) * beat_ms_per_relay, beat_ms_min,
                    beat_ms_max);
}

std::int64_t Registry::ttl_ms() const { return beats_in_ttl * beat_ms(); }

void Registry::look(const broker::RelayStatus& self) {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms >= next_beat_ms_) beat(self);
  if (now_ms >= next_ask_ms_) ask();
}

void Registry::beat(const broker::RelayStatus& self) {
  next_beat_ms_ = clock_.steady_ms() + beat_ms();
  std::vector<std::string> arguments{std::to_string(ttl_ms()), self.id, std::to_string(forget_ms),
                                     claim_};
  for (auto& [name, value] : to_fields(self)) {
    arguments.push_back(name);
    arguments.push_back(value);
  }
  client_.eval(registry_scripts::heartbeat(),
               {relays_key, relay_key + self.id, claim_key + self.id}, std::move(arguments),
               [weak = std::weak_ptr(self_), self](const broker::Result<redis::Answer>& answer) {
                 if (const auto registry = weak.lock()) (*registry)->take_beat(answer, self);
               });
}

void Registry::take_beat(const broker::Result<redis::Answer>& answer,
                         const broker::RelayStatus& self) {
  if (!answer) return heartbeat_.fails(answer.error().message, !client_.reaches(relays_key));
  heartbeat_.works();
  take_before(answer.value().reply.text, self);
}

void Registry::take_before(const std::string& before, const broker::RelayStatus& self) {
  const bool is_ours = before.empty() || before == fmt::format("{:016x}", self.incarnation);
  // The first time it may be an earlier life of this relay.
  if (beats_++ == 0 || is_ours) return;
  const std::int64_t now_ms = clock_.steady_ms();
  if (twin_told_ms_ != 0 && now_ms - twin_told_ms_ < twin_told_interval_ms) return;
  twin_told_ms_ = now_ms;
  host_.error("another relay of the fleet has the id {}, too: give each its own [relay] id",
              self.id);
}

void Registry::ask() {
  next_ask_ms_ =
      clock_.steady_ms() +
      std::clamp(static_cast<std::int64_t>(relays_) * ask_ms_per_relay, beat_ms_min, ask_ms_max);
  client_.eval(registry_scripts::roster(), {relays_key, relay_key, roster_key},
               {std::to_string(ttl_ms()), std::to_string(FleetView::relays_max),
                std::to_string(relays_ < kept_from_relays ? 0 : keep_ms)},
               [weak = std::weak_ptr(self_)](const broker::Result<redis::Answer>& answer) {
                 if (const auto registry = weak.lock()) (*registry)->take_roster(answer);
               });
}

void Registry::take_roster(const broker::Result<redis::Answer>& answer) {
  if (!answer) return roster_read_.fails(answer.error().message, !client_.reaches(relays_key));
  roster_read_.works();
  const auto& reply = answer.value().reply;
  std::vector<broker::RelayStatus> relays;
  std::string damaged = reply.is_text() ? "" : "the answer is no text";
  relays.reserve(relays_);
  FieldViews fields;
  for (std::string_view text = reply.text; !text.empty();) {
    auto status = status_in(take_until(text, '\x1e'), fields);
    if (status)
      relays.push_back(std::move(status).value());
    else
      damaged = status.error().message;
  }
  if (!damaged.empty() && damaged != damaged_)
    host_.warning("the fleet's registry: {}; that relay is passed over", damaged);
  damaged_ = std::move(damaged);
  relays_ = relays.size();
  roster_(std::move(relays));
}

void Registry::ask_gone(redis::Client& client, std::int64_t silent_ms,
                        std::function<void(std::vector<std::string>)> done) {
  client.eval(registry_scripts::gone(), {relays_key},
              {std::to_string(std::max(silent_ms, beats_in_ttl * beat_ms_max)),
               std::to_string(FleetView::relays_max)},
              [done = std::move(done)](const broker::Result<redis::Answer>& answer) {
                std::vector<std::string> ids;
                if (answer)
                  for (const auto& item : answer.value().reply.items) ids.push_back(item.text);
                done(std::move(ids));
              });
}

void Registry::ask_told(redis::Client& client, const std::string& relay_id,
                        std::function<void(broker::Result<std::optional<Told>>)> done) {
  redis::Command command;
  command.routing_key = relay_key + relay_id;
  command.arguments = {"HGETALL", command.routing_key};
  client.call(
      std::move(command), [done = std::move(done)](const broker::Result<redis::Answer>& answer) {
        if (!answer) return done(answer.error());
        const auto& reply = answer.value().reply;
        TextFields fields;
        for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2)
          fields.insert_or_assign(reply.items[i].text, reply.items[i + 1].text);
        // What cannot be read was told by nobody.
        const auto status = from_fields(fields);
        if (!status) return done(std::optional<Told>{});
        done(std::optional<Told>{{status.value().incarnation, status.value().heartbeat_ms}});
      });
}

void Registry::claim(const std::string& relay_id, const std::string& token,
                     std::function<void(broker::Result<bool>)> done) {
  claim_ = token;
  redis::Command command;
  command.routing_key = claim_key + relay_id;
  command.arguments = {"SET", command.routing_key, token, "NX", "PX", std::to_string(claim_ttl_ms)};
  client_.call(std::move(command),
               [done = std::move(done)](const broker::Result<redis::Answer>& answer) {
                 if (!answer) return done(answer.error());
                 done(answer.value().reply.is_status("OK"));
               });
}

void Registry::leave(const std::string& relay_id) {
  client_.eval(
      registry_scripts::heartbeat(), {relays_key, relay_key + relay_id, claim_key + relay_id},
      {std::to_string(ttl_ms()), relay_id, std::to_string(forget_ms), claim_}, [](const auto&) {});
}

}  // namespace plugin
