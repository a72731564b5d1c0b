#include "redis/listener.h"

#include <utility>

namespace plugin::redis {

Listener::Listener(const LinkWorld& world, const Route& route, std::vector<std::string> channels,
                   Client::OnMessage on_message, std::function<void()> on_subscribed)
    : route_(route),
      channels_(std::move(channels)),
      on_message_(std::move(on_message)),
      on_subscribed_(std::move(on_subscribed)),
      link_(world, Link::Kind::listener,
            {.ready = [this](Link&) { subscribe(); },
             .lost = [](Link&) {},
             .pushed = [this](Link&, const Reply& reply) { pushed(reply); }}) {}

/// Where the route points may change: another master, another server of the cluster.
void Listener::tick() {
  const auto wanted = route_.listen_at(link_.endpoint());
  if (wanted && (*wanted != link_.endpoint() || link_.is_resting())) link_.keep(*wanted);
  link_.tick();
}

std::string Listener::problem() const {
  const std::string& problem = link_.told_problem();
  return problem.empty() ? "" : link_.name() + ": " + problem;
}

void Listener::subscribe() {
  confirmed_ = 0;
  std::vector<std::string> command{"SUBSCRIBE"};
  command.insert(command.end(), channels_.begin(), channels_.end());
  link_.listen(command);
}

void Listener::pushed(const Reply& reply) {
  if (!reply.has_items(3)) return;  // the answer to PING
  const std::string& kind = reply.items[0].text;
  if (kind == "message") {
    on_message_(reply.items[1].text, reply.items[2].text);
  } else if (kind == "subscribe" && ++confirmed_ == channels_.size()) {
    link_.stands();
    on_subscribed_();
  }
}

}  // namespace plugin::redis
