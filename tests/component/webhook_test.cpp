// Webhooks against a real receiver: what is sent, to whom, and when again.
#include "webhook_fixture.h"

using namespace plugin;
using namespace webhook_test;
using nlohmann::json;
using testing::eventually;
using testing::ReceivedPost;
using testing::WebhookReceiver;

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
