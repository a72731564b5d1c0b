// Webhooks whose receiver is away, full or killed at a bad moment: nothing is lost or told twice.
#include <filesystem>

#include "webhook_fixture.h"

using namespace plugin;
using namespace webhook_test;
using testing::eventually;
using testing::WebhookReceiver;

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
