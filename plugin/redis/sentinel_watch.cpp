#include "redis/sentinel_watch.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "redis/refusal.h"

namespace plugin::redis {

namespace {

std::optional<Endpoint> endpoint_from(std::string_view host, std::string_view port) {
  const auto number = parse_port(port);
  if (!number || !is_plausible_host(host)) return std::nullopt;
  return Endpoint{std::string(host), *number, {}};
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::size_t words_max = 8;
  std::vector<std::string_view> found;
  while (!text.empty() && found.size() < words_max) {
    found.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(found.back().size() + 1, text.size()));
  }
  return found;
}

}  // namespace

SentinelWatch::SentinelWatch(const LinkWorld& world, OnMaster on_master)
    : world_(world),
      on_master_(std::move(on_master)),
      link_(world, Link::Kind::sentinel,
            {.ready = [this](Link&) { ask(); },
             .lost =
                 [this](Link& link) {
                   current_ = (current_ + 1) % world_.config.addresses.size();
                   link.keep(endpoint_of(world_.config.addresses[current_]));
                 },
             .pushed = [this](Link&, const Reply& reply) { pushed(reply); }}) {}

void SentinelWatch::tick() {
  if (!begun_) link_.keep(endpoint_of(world_.config.addresses[current_]));
  begun_ = true;
  link_.tick();
}

void SentinelWatch::look_again() {
  if (link_.is_ready()) link_.rest();  // or it is about to ask anyway
}

void SentinelWatch::ask() {
  link_.send({"SENTINEL", "get-master-addr-by-name", world_.config.sentinel_master},
             [this](const broker::Result<Reply>& reply, std::int64_t) {
               if (reply) answered(reply.value());
             });
}

void SentinelWatch::answered(const Reply& reply) {
  if (reply.is_error()) return link_.drop(one_line(reply.text));
  const auto master =
      reply.has_items(2) ? endpoint_from(reply.items[0].text, reply.items[1].text) : std::nullopt;
  if (!master) return link_.drop("this sentinel knows no master " + world_.config.sentinel_master);
  link_.listen({"SUBSCRIBE", "+switch-master"});
  on_master_(*master, false);
}

/// ["message", "+switch-master", "NAME OLD-HOST OLD-PORT HOST PORT"]
void SentinelWatch::pushed(const Reply& reply) {
  if (!reply.has_items(3) || reply.items[0].text != "message") return;
  const auto parts = words(reply.items[2].text);
  if (parts.size() < 5 || parts[0] != world_.config.sentinel_master) return;
  if (const auto master = endpoint_from(parts[3], parts[4])) on_master_(*master, true);
}

}  // namespace plugin::redis
