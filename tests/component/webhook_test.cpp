// Webhooks against a real receiver: what is sent, when again, and that nothing is lost.
#include "webhook/webhooks.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "broker/webhook.h"
#include "fake_relay.h"
#include "support/temp_dir.h"
#include "webhook_receiver.h"

using namespace plugin;
using nlohmann::json;
using testing::eventually;
using testing::FakeHost;
using testing::ReceivedPost;
using testing::TestClock;
using testing::WebhookReceiver;

namespace {

constexpr std::int64_t now_s = 1'790'000'000;
const broker::Secret secret("webhook-secret-0123456");
using Strings = std::vector<std::string>;

void add_csp(broker::Config& config, const std::string& id, const std::string& url) {
  broker::Csp csp;
  csp.id = id;
  for (const auto media : broker::all_media_types) csp.quotas[media].volume = {1'000};
  if (!url.empty())
    csp.webhook = broker::WebhookConfig{url, {secret, broker::Secret("an-older-secret-012345")}};
  config.csps[id] = std::move(csp);
}

std::shared_ptr<const broker::Config> one_csp(const std::string& url) {
  auto config = std::make_shared<broker::Config>();
  add_csp(*config, "acme", url);
  return config;
}

/// How an account of 1000 octets stands, as the announcer tells it.
Event standing(std::uint64_t used, const std::string& csp = "acme",
               broker::MediaType media = broker::MediaType::data) {
  Event event;
  event.at_ms = now_s * 1'000;
  event.csp = csp;
  event.media = media;
  event.period = "2026-09";
  event.limit_octets = 1'000;
  event.used_octets = used;
  event.exhausted = used >= 1'000;
  return event;
}

/// As one that must be told: it is not merged with the next.
Event step(std::uint64_t used, const std::string& csp = "acme") {
  Event event = standing(used, csp);
  event.kind = EventKind::threshold;
  return event;
}

/// "threshold 80", "exhausted 100", "restored": of each message, however often it came.
Strings types_of(const std::vector<ReceivedPost>& posts) {
  Strings types;
  std::string last_id;
  for (const auto& post : posts) {
    const auto body = json::parse(post.body);
    if (std::exchange(last_id, body["id"].get<std::string>()) == body["id"]) continue;
    std::string type = body["type"];
    if (body.contains("percent")) type += " " + std::to_string(body["percent"].get<int>());
    types.push_back(type);
  }
  return types;
}

class Running {
 public:
  explicit Running(const WebhookLimits& wanted = {}) : limits(wanted) {
    limits.pace = {5, 50};
    limits.store_retry_ms = 20;
  }

  void start(std::shared_ptr<const broker::Config> config) {
    auto started = Webhooks::start(Host(host.table()), clock, path(), std::move(config), limits);
    REQUIRE(started.ok());
    webhooks = std::move(started).value();
  }
  void stop() { webhooks.reset(); }
  [[nodiscard]] std::string path() const {
    return (directory.path() / "webhooks.sqlite3").string();
  }
  /// Messages in the file, while nobody else has it.
  [[nodiscard]] std::size_t stored(const std::string& csp = "acme") const {
    return Outbox::open(path()).value()->counts().value()[csp];
  }

  FakeHost host;
  TestClock clock{now_s};
  turntest::TempDir directory;
  WebhookLimits limits;
  std::unique_ptr<Webhooks> webhooks;
};

}  // namespace

TEST_CASE("a message is signed, dated and says what happened", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  Running running;
  running.start(one_csp(receiver.url("/hook?token=hush")));
  running.webhooks->post(standing(0));
  Event event = step(820);
  event.at_ms = now_s * 1'000 + 125;
  running.webhooks->post(event);

  const auto posts = receiver.wait_for(1);
  REQUIRE(posts.size() == 1);
  const ReceivedPost& post = posts[0];
  CHECK(post.path == "/hook?token=hush");
  CHECK(post.headers.at("content-type") == "application/json");
  const auto timestamp = std::stoll(post.headers.at("turnbroker-timestamp"));
  CHECK(timestamp >= now_s);
  CHECK(timestamp < now_s + 60);
  CHECK(post.headers.at("turnbroker-signature") ==
        broker::webhook_signature(secret, timestamp, post.body));
  auto body = json::parse(post.body);
  CHECK(body["id"].get<std::string>().size() == 32);
  body.erase("id");
  CHECK(body == json{{"type", "threshold"},
                     {"cspID", "acme"},
                     {"mediaType", "data"},
                     {"period", "2026-09"},
                     {"limit_octets", 1000},
                     {"used_octets", 820},
                     {"at", "2026-09-21T14:13:20.125Z"},
                     {"percent", 80}});
}

TEST_CASE("all levels of an account are told once and in order, and that it is restored",
          "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  Running running;
  running.start(one_csp(receiver.url()));
  for (const std::uint64_t used : {0, 500, 800, 801, 960, 1'000, 1'000})
    running.webhooks->post(step(used));
  auto raised = step(1'000);
  raised.limit_octets = 5'000;
  raised.exhausted = false;
  running.webhooks->post(raised);
  auto cut = standing(1'000);
  cut.kind = EventKind::cut;
  running.webhooks->post(cut);
  CHECK(types_of(receiver.wait_for(4)) ==
        Strings{"threshold 80", "threshold 95", "exhausted 100", "restored"});
  running.stop();
  CHECK(receiver.posts().size() == 4);
  CHECK(running.stored() == 0);
}

TEST_CASE("a message that fails is sent again as it was, before the next", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  const int status = GENERATE(500, 404, 302);
  receiver.answer(status, "Location: " + receiver.url("/elsewhere") + "\r\n");
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  running.webhooks->post(step(950));
  auto posts = receiver.wait_for(4);
  REQUIRE(posts.size() >= 4);
  receiver.answer(204);
  REQUIRE(eventually([&] { return types_of(receiver.posts()).size() == 2; }));
  running.stop();
  posts = receiver.posts();
  // All tries but the last are the first message's, octet for octet; each is signed anew.
  for (std::size_t i = 0; i + 1 < posts.size(); ++i) CHECK(posts[i].body == posts[0].body);
  for (const auto& post : posts) {
    CHECK(post.path == "/hook");
    CHECK(post.headers.at("turnbroker-signature") ==
          broker::webhook_signature(secret, std::stoll(post.headers.at("turnbroker-timestamp")),
                                    post.body));
  }
  CHECK(types_of(posts) == Strings{"threshold 80", "threshold 95"});
  CHECK(running.stored() == 0);
}

TEST_CASE("a receiver that is down over a restart gets it all in the end", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  running.stop();
  CHECK(running.stored() == 1);
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(1'000));
  receiver.listen();
  CHECK(types_of(receiver.wait_for(3)) == Strings{"threshold 80", "threshold 95", "exhausted 100"});
}

TEST_CASE("killed before a level is in the outbox: the next start tells it", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(0));
  running.stop();
  // The level was reached, and nobody heard of it.
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(850));
  CHECK(types_of(receiver.wait_for(1)) == Strings{"threshold 80"});
}

TEST_CASE("killed after a level is in the outbox: it is sent, and not told twice", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  {
    auto outbox = Outbox::open(running.path()).value();
    const Strings bodies{R"({"id":"1","type":"threshold","percent":80})"};
    REQUIRE(
        outbox->announce({"acme", broker::MediaType::data}, {"2026-09", 80, 1'000}, bodies, now_s));
  }
  receiver.listen();
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(850));
  running.webhooks->post(step(950));
  const auto posts = receiver.wait_for(2);
  CHECK(types_of(posts) == Strings{"threshold 80", "threshold 95"});
  CHECK(posts.size() == 2);
}

TEST_CASE("killed while the outbox is written: neither level nor message is there", "[webhook]") {
  Running running;
  const Outbox::AccountName account{"acme", broker::MediaType::data};
  auto outbox = Outbox::open(running.path()).value();
  // Another writer holds the file: the transaction cannot end, and is rolled back.
  auto other = SqliteDatabase::open(running.path()).value();
  REQUIRE(other.execute(
      "CREATE TRIGGER t BEFORE INSERT ON messages BEGIN SELECT RAISE(FAIL, 'no'); END", "test"));
  const Strings bodies{"{}"};
  CHECK_FALSE(outbox->announce(account, {"2026-09", 80, 1'000}, bodies, now_s));
  CHECK(outbox->told().value().empty());
  CHECK(outbox->counts().value().empty());
  REQUIRE(other.execute("DROP TRIGGER t", "test"));
  CHECK(outbox->announce(account, {"2026-09", 80, 1'000}, bodies, now_s));
  CHECK(outbox->told().value().at(account) == broker::ToldLevel{"2026-09", 80, 1'000});
  CHECK(outbox->first("acme").value()->body == "{}");
}

TEST_CASE("killed after the receiver had it, before that was noted: it comes again, the same",
          "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  receiver.answer(WebhookReceiver::hang);
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  REQUIRE(receiver.wait_for(1).size() == 1);
  running.stop();
  receiver.answer(200);
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(800));
  const auto posts = receiver.wait_for(2);
  REQUIRE(posts.size() == 2);
  CHECK(posts[0].body == posts[1].body);
  REQUIRE(eventually([&] { return running.stored() == 0; }));
  // Noted: a further start sends nothing.
  running.stop();
  running.start(one_csp(receiver.url()));
  running.webhooks->post(standing(800));
  running.webhooks->post(step(950));
  CHECK(types_of(receiver.wait_for(3)) == Strings{"threshold 80", "threshold 95"});
}

TEST_CASE("a full outbox takes no more, and what waited is told when there is room", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  running.limits.messages_max = 2;
  running.start(one_csp(receiver.url()));
  for (const std::uint64_t used : {800, 950, 1'000}) running.webhooks->post(step(used));
  auto next = step(0);
  next.period = "2026-10";
  running.webhooks->post(next);
  REQUIRE(eventually([&] { return running.stored() == 2; }));
  receiver.listen();
  CHECK(types_of(receiver.wait_for(4)) ==
        Strings{"threshold 80", "threshold 95", "exhausted 100", "restored"});
  running.stop();
  CHECK(running.stored() == 0);
}

TEST_CASE("what waits for room is bounded, and ends with how the account stands", "[webhook]") {
  LevelSteps steps;
  for (std::uint64_t used = 1; used <= 100; ++used) steps.add(step(used));
  CHECK(steps.size() == LevelSteps::steps_max);
  CHECK(steps.front().used_octets == 1);
  while (steps.size() > 1) steps.pop();
  CHECK(steps.front().used_octets == 100);
  steps.add(standing(101));
  steps.add(standing(102));
  CHECK(steps.size() == 2);
}

TEST_CASE("a receiver that hangs holds up neither others nor a stop", "[webhook]") {
  WebhookReceiver hanging;
  WebhookReceiver good;
  hanging.listen();
  good.listen();
  hanging.answer(WebhookReceiver::hang);
  Running running;
  auto config = std::make_shared<broker::Config>();
  add_csp(*config, "acme", hanging.url());
  add_csp(*config, "voice", good.url());
  running.start(config);
  running.webhooks->post(step(800, "acme"));
  REQUIRE(hanging.wait_for(1).size() == 1);
  for (const std::uint64_t used : {800, 950, 1'000}) running.webhooks->post(step(used, "voice"));
  CHECK(good.wait_for(3).size() == 3);
  CHECK(hanging.posts().size() == 1);
  const auto before = std::chrono::steady_clock::now();
  running.stop();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(1));
  CHECK(running.stored() == 1);
}

TEST_CASE("a receiver that does not answer in time is tried again", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  receiver.answer(WebhookReceiver::hang);
  Running running;
  running.limits.sender.total_ms = 100;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  const auto posts = receiver.wait_for(2);
  REQUIRE(posts.size() >= 2);
  CHECK(posts[0].body == posts[1].body);
}

TEST_CASE("a message too old is dropped with a warning, and the next one goes out", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  CHECK(running.host.log_text().find("dropped") == std::string::npos);
  running.clock.set_unix_s(now_s + 3 * 86'400 + 1);
  REQUIRE(eventually([&] { return running.host.log_text().find("dropped") != std::string::npos; }));
  receiver.listen();
  running.webhooks->post(step(950));
  CHECK(types_of(receiver.wait_for(1)) == Strings{"threshold 95"});
}

TEST_CASE("no log line holds the URL or the secret of a webhook", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  receiver.answer(500);
  Running running;
  const std::string urls[] = {receiver.url("/path-hush?token=hush"),
                              "http://user-hush:hush@127.0.0.1:1/hush", "ftp://127.0.0.1/hush"};
  const std::string& url = urls[GENERATE(0, 1, 2)];
  running.start(one_csp(url));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  running.stop();
  CHECK(running.host.log_text().find("webhook of acme") != std::string::npos);
  CHECK(running.host.log_text().find("hush") == std::string::npos);
  CHECK(running.host.log_text().find("127.0.0.1") == std::string::npos);
  CHECK(running.host.log_text().find(secret.reveal()) == std::string::npos);
}

TEST_CASE("another URL in the configuration is used at once", "[webhook]") {
  WebhookReceiver broken;
  WebhookReceiver good;
  broken.listen();
  good.listen();
  broken.answer(500);
  Running running;
  running.limits.pace = {3'600'000, 3'600'000};
  running.start(one_csp(broken.url()));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  running.webhooks->configure(one_csp(good.url()));
  const auto posts = good.wait_for(1);
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].body == broken.posts().at(0).body);
}

TEST_CASE("a webhook that is taken away and given back has lost nothing", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  const bool csp_too = GENERATE(false, true);
  running.webhooks->configure(csp_too ? std::make_shared<broker::Config>() : one_csp(""));
  REQUIRE(eventually(
      [&] { return running.host.log_text().find("acme: taken away") != std::string::npos; }));
  running.webhooks->post(step(950));
  if (GENERATE(false, true)) {
    // Over a restart, too.
    running.stop();
    CHECK(running.stored() == 1);
    running.start(one_csp(""));
  }
  // When it is back, it gets what was kept, and hears how the account stands.
  running.webhooks->configure(one_csp(receiver.url()));
  running.webhooks->post(standing(1'000));
  receiver.listen();
  CHECK(types_of(receiver.wait_for(3)) == Strings{"threshold 80", "threshold 95", "exhausted 100"});
  // Nothing is told twice.
  REQUIRE(eventually([&] { return running.stored() == 0; }));
  CHECK(types_of(receiver.posts()).size() == 3);
}

TEST_CASE("a webhook that stays away takes its messages with it", "[webhook]") {
  WebhookReceiver receiver;
  Running running;
  running.start(one_csp(receiver.url()));
  running.webhooks->post(step(800));
  REQUIRE(eventually([&] { return !running.host.log_text().empty(); }));
  running.webhooks->configure(one_csp(""));
  REQUIRE(eventually(
      [&] { return running.host.log_text().find("acme: taken away") != std::string::npos; }));
  running.clock.set_unix_s(now_s + 3 * 86'400 + 1);
  running.webhooks->configure(one_csp(""));
  REQUIRE(eventually([&] {
    return running.host.log_text().find("1 webhook messages of CSPs without a webhook") !=
           std::string::npos;
  }));
  running.webhooks->configure(one_csp(receiver.url()));
  running.webhooks->post(standing(800));
  receiver.listen();
  CHECK(types_of(receiver.wait_for(1)) == Strings{"threshold 80"});
}

TEST_CASE("without a webhook no outbox is made, and the first one makes it", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  Running running;
  running.start(one_csp(""));
  running.webhooks->post(step(800));
  running.webhooks->configure(one_csp(""));
  CHECK_FALSE(std::filesystem::exists(running.path()));
  running.webhooks->configure(one_csp(receiver.url()));
  running.webhooks->post(standing(800));
  CHECK(types_of(receiver.wait_for(1)) == Strings{"threshold 80"});
}

TEST_CASE("an outbox that cannot be opened is said, and fails a start that needs it", "[webhook]") {
  Running running;
  std::filesystem::create_directory(running.path());
  auto started = Webhooks::start(Host(running.host.table()), running.clock, running.path(),
                                 one_csp("http://127.0.0.1:1/"), running.limits);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message.find(running.path()) != std::string::npos);

  // Not needed at first, needed later: it waits until the file can be used.
  WebhookReceiver receiver;
  receiver.listen();
  running.start(one_csp(""));
  running.webhooks->configure(one_csp(receiver.url()));
  running.webhooks->post(standing(800));
  REQUIRE(eventually([&] {
    return running.host.log_text().find("cannot open the webhook outbox") != std::string::npos;
  }));
  std::filesystem::remove(running.path());
  CHECK(types_of(receiver.wait_for(1)) == Strings{"threshold 80"});
}

TEST_CASE("accounts of a CSP are told apart", "[webhook]") {
  WebhookReceiver receiver;
  receiver.listen();
  Running running;
  running.start(one_csp(receiver.url()));
  for (const auto media : broker::all_media_types) {
    Event event = standing(800, "acme", media);
    running.webhooks->post(event);
  }
  const auto posts = receiver.wait_for(3);
  REQUIRE(posts.size() == 3);
  std::map<std::string, int> media;
  for (const auto& post : posts) ++media[json::parse(post.body)["mediaType"].get<std::string>()];
  CHECK(media == std::map<std::string, int>{{"audio", 1}, {"data", 1}, {"video", 1}});
}
