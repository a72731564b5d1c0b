// Events and webhooks of a running broker, over real connections.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "api_client.h"
#include "fake_relay.h"
#include "text_count.h"
#include "webhook_receiver.h"

using testing::count;
using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::mint;
using testing::RunningBroker;
using testing::WebhookReceiver;
using Json = nlohmann::json;

namespace {

constexpr std::int64_t far_future_s = 1'820'000'000;
const std::string acme_secret = "acme-secret-0123456789";

std::string config(const std::string& volume, const std::string& webhook = "") {
  std::string text =
      "[broker.http]\nlisten = \"127.0.0.1:0\"\n[csp.acme]\nsecret = \"" + acme_secret +
      "\"\napi_key = \"acme-api-key-0123456789\"\n[csp.acme.quota.data]\nvolume = \"" + volume +
      "\"\nperiod = \"total\"\n";
  if (!webhook.empty())
    text += "[csp.acme.webhook]\nurl = \"" + webhook + "\"\nsecret = \"hook-secret-0123456789\"\n";
  return text;
}

/// Reads a stream of events.
class Watching {
 public:
  Watching(const std::string& url, const std::string& key)
      : fd_(api_client::connect_to(api_client::target_of(url))) {
    const std::string request =
        "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\n\r\n";
    REQUIRE(::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size()));
  }

  /// Reads on until `enough` says so; false when the stream ends or ten seconds are over.
  template <typename Enough>
  [[nodiscard]] bool read_until(Enough&& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!enough(text_)) {
      pollfd one{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (::poll(&one, 1, 100) <= 0) continue;
      char octets[16'384];
      const auto got = ::recv(fd_.get(), octets, sizeof octets, 0);
      if (got <= 0) return false;
      text_.append(octets, static_cast<std::size_t>(got));
    }
    return true;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  plugin::UniqueFd fd_;
  std::string text_;
};

void exhaust(RunningBroker& running, FakeRelay& relay, FakeAllocation& allocation) {
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
}

}  // namespace

TEST_CASE("a thousand allocations cut at once are all told over one stream, each once",
          "[events]") {
  constexpr std::size_t allocations_count = 1'000;
  RunningBroker running(config("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = mint(acme_secret, "acme/data/alice", far_future_s);
  std::vector<FakeAllocation> allocations(allocations_count);
  for (auto& allocation : allocations)
    REQUIRE(relay.allocate(user.username, user.password, allocation) == 0);

  Watching watching(running.broker().api_urls().at(0), "acme-api-key-0123456789");
  REQUIRE(watching.read_until(
      [](const std::string& text) { return text.find("event: usage") != std::string::npos; }));
  exhaust(running, relay, allocations[0]);
  for (auto& allocation : allocations) relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  CHECK(watching.read_until([](const std::string& text) {
    return count(text, "\"reason\":\"quota_exhausted\"") >= allocations_count;
  }));
  // Chunk heads stand between events, not inside them: each is written whole.
  std::set<std::string> told;
  const std::string& text = watching.text();
  const std::string name = "\"allocation\":\"";
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
    told.insert(text.substr(at + name.size(), text.find('"', at + name.size()) - at - name.size()));
  CHECK(told.size() == allocations_count);
  CHECK(count(text, "event: cut\n") == allocations_count);
  const auto exhausted = text.find("\"percent\":100");
  REQUIRE(exhausted != std::string::npos);
  CHECK(exhausted < text.find("event: cut\n"));
}

TEST_CASE("a webhook of the configuration is told of a broker's quota, over a restart",
          "[webhook]") {
  WebhookReceiver receiver;
  RunningBroker running(config("10 kB", receiver.url()));
  const auto user = mint(acme_secret, "acme/data/alice", far_future_s);
  {
    FakeRelay relay(running.broker(), running.host, 0);
    FakeAllocation allocation;
    REQUIRE(relay.allocate(user.username, user.password, allocation) == 0);
    exhaust(running, relay, allocation);
    relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  }
  // Nobody listens yet.
  running.stop();
  receiver.listen();
  running.write_config(config("20 kB", receiver.url()));
  running.start();
  const auto posts = receiver.wait_for(4);
  REQUIRE(posts.size() == 4);
  std::vector<std::string> types;
  for (const auto& post : posts) types.push_back(Json::parse(post.body)["type"]);
  CHECK(types == std::vector<std::string>{"threshold", "threshold", "exhausted", "restored"});
  CHECK(Json::parse(posts[2].body)["used_octets"] == 10'000);
  CHECK(Json::parse(posts[3].body)["limit_octets"] == 20'000);
  running.stop();
  CHECK(receiver.posts().size() == 4);
}
