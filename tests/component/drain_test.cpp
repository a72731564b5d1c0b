// Letting calls run out: when the server may stop, and what a broker does until then.
#include <catch2/catch.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "api_client.h"
#include "broker/drain.h"
#include "broker_fixture.h"

using plugin::Control;
using plugin::Drain;
using plugin::DrainStatus;
using Step = Drain::Step;
using testing::acme;
using testing::allocate;
using testing::allocated;
using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::of_acme;
using testing::RunningBroker;
using Json = nlohmann::json;

namespace {

/// What `ask` returns on the broker's thread.
template <typename Ask>
auto asked(RunningBroker& running, const Ask& ask) {
  std::promise<decltype(ask(std::declval<Control&>()))> answer;
  REQUIRE(running.broker().post([&](Control& control) { answer.set_value(ask(control)); }));
  return answer.get_future().get();
}

broker::Result<DrainStatus> try_drain(RunningBroker& running, std::int64_t deadline_s = 0,
                                      bool stay = false) {
  return asked(running, [&](Control& control) {
    return control.drain({.deadline_s = deadline_s, .stay = stay});
  });
}

DrainStatus drain(RunningBroker& running, std::int64_t deadline_s = 0, bool stay = false) {
  auto answer = try_drain(running, deadline_s, stay);
  REQUIRE(answer);
  return answer.value();
}

broker::Result<DrainStatus> undrain(RunningBroker& running) {
  return asked(running, [](Control& control) { return control.undrain(); });
}

bool stop_asked(RunningBroker& running, FakeRelay& relay) {
  return eventually([&] {
    relay.tick();
    return running.host.stop_asked();
  });
}

int try_allocate(FakeRelay& relay, const std::string& client) {
  FakeAllocation out;
  return allocate(relay, of_acme(client), out);
}

bool logged(RunningBroker& running, const std::string& text) {
  return running.host.log_text().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a drain ends with the last allocation, and no later than its deadline", "[drain]") {
  Drain drain;
  CHECK(drain.step(true, 0) == Step::none);
  drain.begin(std::nullopt, false);
  CHECK(drain.step(false, INT64_MAX) == Step::none);
  CHECK(drain.step(true, 0) == Step::stop);
  drain.begin(1'000, false);
  CHECK(drain.step(false, 999) == Step::none);
  CHECK(drain.step(false, 1'000) == Step::stop);
  CHECK(drain.step(true, 0) == Step::stop);
  drain.cancel();
  CHECK_FALSE(drain.active());
  CHECK(drain.step(true, 1'000) == Step::none);
}

TEST_CASE("a drain that stays cuts at its deadline, and never stops", "[drain]") {
  Drain drain;
  drain.begin(1'000, true);
  CHECK(drain.step(false, 999) == Step::none);
  CHECK(drain.step(false, 1'000) == Step::cut);
  CHECK(drain.step(true, 1'000) == Step::none);
  drain.begin(std::nullopt, true);
  CHECK(drain.step(false, INT64_MAX) == Step::none);
  CHECK(drain.step(true, INT64_MAX) == Step::none);
}

TEST_CASE("a signal ends a stay, and makes no deadline later", "[drain]") {
  Drain drain;
  drain.begin(500, true);
  drain.begin_by_signal(1'000);
  CHECK(drain.by_signal());
  CHECK_FALSE(drain.stay());
  CHECK(drain.deadline_ms() == 500);
  drain.cancel();
  drain.begin(std::nullopt, true);
  drain.begin_by_signal(1'000);
  CHECK(drain.deadline_ms() == 1'000);
  CHECK(drain.step(true, 0) == Step::stop);
}

TEST_CASE("a draining relay lets nobody in, and its calls go on until they end", "[drain]") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation alice = allocated(relay, of_acme("alice"));
  const DrainStatus begun = drain(running);
  CHECK(begun.draining);
  CHECK_FALSE(begun.stay);
  CHECK(begun.until_s == 0);
  CHECK(begun.allocations == 1);

  CHECK(try_allocate(relay, "bob") == 508);
  FakeAllocation refused;
  // Who has no credentials hears nothing of it.
  CHECK(relay.allocate(of_acme("bob").username, "wrong", refused) == 401);
  for (const auto direction : {TURN_CLIENT_TO_PEER, TURN_PEER_TO_CLIENT})
    CHECK(eventually([&] { return relay.relay(alice, direction, 1'000); }));
  CHECK(running.broker().board().get()->draining);
  CHECK(running.broker().board().get()->unhealthy.empty());
  CHECK(running.broker().fleet().get()->self.draining);
  CHECK(running.broker().fleet().get()->self.healthy);
  const auto status = asked(running, [](Control& control) { return control.status(); });
  CHECK(status.drain.draining);
  CHECK_FALSE(running.host.stop_asked());

  relay.close(alice, TURN_CLOSE_RELEASED);
  CHECK(stop_asked(running, relay));
  CHECK(logged(running, "drained: the server stops"));
  const auto late = undrain(running);
  REQUIRE_FALSE(late);
  CHECK(late.error().message == "the server is stopping");
  running.stop();
  CHECK(logged(running, "stopped, everything is settled"));
  REQUIRE(running.records().size() == 1);
  CHECK(Json::parse(running.records()[0])["reason"] == "released");
  CHECK(running.ledger("acme", broker::MediaType::data).charged_octets == 2'000);
}

TEST_CASE("a relay thread that has not heard of the drain yet holds up the end", "[drain]") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  drain(running);
  const auto beats = [&] { return running.broker().fleet().get()->self.heartbeat_ms; };
  // Ticks of the broker go by, but none of the relay thread.
  const auto before = beats();
  CHECK(eventually([&] { return beats() > before; }));
  CHECK_FALSE(running.host.stop_asked());
  CHECK(stop_asked(running, relay));
}

TEST_CASE("an Allocate that waits for the broker when the drain begins is refused", "[drain]") {
  RunningBroker running(acme("1 MB", "per_client = \"10 kB\""));
  FakeRelay relay(running.broker(), running.host, 0);
  std::promise<void> entered;
  std::promise<void> go;
  REQUIRE(running.broker().post([&](Control& control) {
    entered.set_value();
    go.get_future().wait();
    [[maybe_unused]] const auto begun = control.drain({});
  }));
  entered.get_future().wait();
  turn_allocation_request wanted{};
  wanted.size = sizeof wanted;
  wanted.authenticated_by_plugin = true;
  wanted.request_id = 4'711;
  wanted.requester.size = sizeof wanted.requester;
  wanted.requester.session_id = 1;
  const auto user = of_acme("alice");
  wanted.requester.username = user.username.c_str();
  turn_allocation_answer answer{};
  answer.size = sizeof answer;
  const auto verdict = running.broker().relay_side().allocation_wanted(wanted, answer);
  go.set_value();
  REQUIRE(verdict == TURN_VERDICT_PENDING);
  const auto later = running.host.wait_for_answer(4'711);
  REQUIRE(later);
  CHECK(later->verdict == TURN_VERDICT_REJECT);
  CHECK(later->answer.error_code == 508);
  CHECK(stop_asked(running, relay));
}

TEST_CASE("at its deadline a drain stops the server whoever is left", "[drain]") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation alice = allocated(relay, of_acme("alice"));
  const auto begun_ms = running.clock.unix_ms();
  const DrainStatus begun = drain(running, 1);
  CHECK(begun.until_s >= begun_ms / 1'000 + 1);
  CHECK(begun.until_s <= running.clock.unix_ms() / 1'000 + 1);
  CHECK(stop_asked(running, relay));
  CHECK(running.clock.unix_ms() - begun_ms >= 1'000);
  CHECK(logged(running, "the time to drain is over: 1 allocations are ended"));
  // The host does that, with its own reason.
  CHECK_FALSE(running.host.cancelled(alice.id));
  relay.close(alice, TURN_CLOSE_SHUTDOWN);
}

TEST_CASE("a drain that stays ends what is left, and clients may come back", "[drain]") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation alice = allocated(relay, of_acme("alice"));
  CHECK(drain(running, 1, true).stay);
  CHECK(eventually([&] { return running.host.cancelled(alice.id).has_value(); }));
  CHECK(running.host.cancelled(alice.id) == TURN_CLOSE_SHUTDOWN);
  relay.close(alice, TURN_CLOSE_SHUTDOWN);
  CHECK(try_allocate(relay, "bob") == 508);

  const auto cancelled = undrain(running);
  REQUIRE(cancelled);
  CHECK_FALSE(cancelled.value().draining);
  CHECK_FALSE(running.broker().board().get()->draining);
  CHECK_FALSE(running.broker().fleet().get()->self.draining);
  FakeAllocation bob = allocated(relay, of_acme("bob"));
  relay.close(bob, TURN_CLOSE_RELEASED);
  CHECK_FALSE(running.host.stop_asked());
  const auto again = undrain(running);
  REQUIRE_FALSE(again);
  CHECK(again.error().message == "the relay is not draining");
}

TEST_CASE("drain_time says what a signal does", "[drain]") {
  RunningBroker running("drain_time = \"0s\"\n" + acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation alice = allocated(relay, of_acme("alice"));
  CHECK(running.broker().stop_wanted());
  CHECK_FALSE(running.broker().board().get()->draining);
  running.write_config("drain_time = \"10m\"\n" + acme("1 MB"));
  REQUIRE(eventually([&] { return !running.broker().stop_wanted(); }));

  CHECK(eventually([&] { return running.broker().board().get()->draining; }));
  const auto status = asked(running, [](Control& control) { return control.status(); }).drain;
  CHECK_FALSE(status.stay);
  CHECK(status.until_s > running.clock.unix_ms() / 1'000 + 500);
  CHECK(try_allocate(relay, "bob") == 508);
  CHECK(eventually([&] { return relay.relay(alice, TURN_CLIENT_TO_PEER, 1'000); }));
  const std::string told = "a signal has told the server to stop; a second one stops it at once";
  for (const auto& refused : {undrain(running), try_drain(running, 0, true)}) {
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == told);
  }
  relay.close(alice, TURN_CLOSE_RELEASED);
  CHECK(stop_asked(running, relay));
}

TEST_CASE("a host that does not run yet is asked again", "[drain]") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  running.host.refuse_stop(true);
  drain(running);
  relay.tick();
  running.host.refuse_stop(false);
  CHECK(stop_asked(running, relay));
}

TEST_CASE("the API of a draining relay sends clients away, and serves those in a call", "[drain]") {
  const std::string key = "acme-api-key-0123456789";
  const std::string token = "admin-token-0123456789";
  RunningBroker running("[broker.http]\nlisten = \"127.0.0.1:0\"\nadmin_token = \"" + token +
                        "\"\nrequests_per_address = 100000\n[relay]\n"
                        "urls = [\"turn:127.0.0.1:3478\"]\n[csp.acme]\napi_key = \"" +
                        key + "\"\n[csp.acme.quota.data]\nvolume = \"1 MB\"\nperiod = \"total\"\n");
  const std::string url = running.broker().api_urls().at(0);
  const api_client::Headers with_key{{"Authorization", "Bearer " + key}};
  const auto turn_addr = [&] {
    return api_client::get(url + "/v1/getTurnAddr?cspID=acme&mediaType=data&clientName=alice",
                           with_key);
  };
  const auto post_drain = [&](const std::string& body) {
    return api_client::post(url + "/v1/admin/drain", {{"Authorization", "Bearer " + token}}, body);
  };
  const std::string client_id = Json::parse(turn_addr().body)["clientID"];

  const auto begun = post_drain(R"({"stay":true})");
  CHECK(begun.status == 200);
  CHECK(begun.body == R"({"draining":true,"stay":true,"until":null,"allocations":0})");
  for (const auto& refused : {turn_addr(), api_client::get(url + "/readyz")}) {
    CHECK(refused.status == 503);
    CHECK(Json::parse(refused.body)["type"] == "/problems/no-healthy-relay");
    CHECK(Json::parse(refused.body)["detail"] == "the relay is draining");
    CHECK(refused.head.find("Retry-After: ") != std::string::npos);
  }
  CHECK(api_client::get(url + "/healthz").status == 200);
  CHECK(api_client::get(url + "/v1/getTurnCredentials?clientID=" + client_id).status == 200);

  CHECK(post_drain(R"({"cancel":true})").status == 200);
  CHECK(turn_addr().status == 200);
  CHECK(api_client::get(url + "/readyz").status == 200);
  CHECK(post_drain(R"({"cancel":true})").status == 422);
}
