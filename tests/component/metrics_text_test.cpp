// GET /metrics as text: what Prometheus reads, and nothing else.
#include "metrics/metrics_text.h"

#include "api_fixture.h"
#include "exposition_parser.h"
#include "metrics/exposition.h"

using broker::MediaType;
using exposition_test::Labels;
using exposition_test::Parser;
using plugin::Exposition;

namespace {

plugin::MetricsView some_view() {
  plugin::MetricsView view;
  view.version = "0.1.0";
  view.started_s = 1'790'000'000;
  view.config_loaded_s = 1'790'000'060;
  view.accounts = 3;
  view.allocations_max = 65'536;
  view.quotas = {{.quota = {"acme", MediaType::video},
                  .limit_octets = 1'000,
                  .used_octets = 1'100,
                  .grantable_octets = 0,
                  .unspent_octets = 4,
                  .unspent_by_others_octets = 5,
                  .exhausted = true},
                 {.quota = {"acme", MediaType::data}, .limit_octets = broker::octets_max}};
  view.traffic = {{.quota = {"acme", MediaType::video},
                   .used = {{10, 20}, {1, 2}},
                   .allocations = 3,
                   .closed = {4, 0, 5}}};
  view.refused = {1, 2, 3, 4, 5};
  view.ledger.exchanges.asked = 3;
  view.relays.resize(2);
  view.relays[0].status.id = "fra-1";
  view.relays[0].status.domain = "eu";
  view.relays[0].age_ms = 1'500;
  view.relays[0].self = true;
  view.relays[1].status.id = "iad-1";
  view.relays[1].status.version = "a\"b\\c\nd";
  view.relays[1].up = false;
  return view;
}

}  // namespace

TEST_CASE("labels are escaped, and numbers are written as the format wants them") {
  Exposition out;
  out.family("turnbroker_x", Exposition::Type::gauge, "One\\two\nthree \"four\".");
  out.sample({{"a", "q\"b\\n\nü"}, {"b", ""}}, std::uint64_t{18'446'744'073'709'551'615U});
  out.sample({}, 0.25);
  CHECK(out.text() ==
        "# HELP turnbroker_x One\\\\two\\nthree \"four\".\n"
        "# TYPE turnbroker_x gauge\n"
        "turnbroker_x{a=\"q\\\"b\\\\n\\nü\",b=\"\"} 18446744073709551615\n"
        "turnbroker_x 0.25\n");
  const Parser read(out.text());
  CHECK(read.value("turnbroker_x", {{"a", "q\"b\\n\nü"}, {"b", ""}}) > 1e19);
  CHECK(plugin::exposition_number(HUGE_VAL) == "+Inf");
  CHECK(plugin::exposition_number(-HUGE_VAL) == "-Inf");
  CHECK(plugin::exposition_number(NAN) == "NaN");
  CHECK(plugin::exposition_number(1'790'000'000) == "1790000000");
}

TEST_CASE("the test's parser refuses what the format does not allow") {
  const std::string head = "# HELP turnbroker_x x\n# TYPE turnbroker_x gauge\n";
  CHECK_NOTHROW(Parser(head + "turnbroker_x 1\n"));
  for (const char* wrong :
       {"turnbroker_x 1", "turnbroker_x 1\nturnbroker_x 2\n", "turnbroker_y 1\n",
        "turnbroker_x{a=\"1\"} x\n", "turnbroker_x{a=\"1} 1\n", "turnbroker_x{a=\"\\x\"} 1\n",
        "turnbroker_x{a=\"1\",a=\"2\"} 1\n", "turnbroker_x{A=\"1\"} 1\n", "\n",
        "turnbroker_x{a=\"1\"}\n", "# TYPE turnbroker_x gauge\n", "# HELP turnbroker_x x\n"}) {
    CAPTURE(wrong);
    CHECK_THROWS(Parser(head + wrong));
  }
  CHECK_THROWS(Parser("# HELP turnbroker_x_total x\n# TYPE turnbroker_x_total gauge\n"));
}

TEST_CASE("all that is known is told, once, with its unit in its name") {
  const std::string text = plugin::metrics_text(some_view());
  const Parser read(text);
  const Labels video{{"csp", "acme"}, {"media", "video"}};
  const Labels data{{"csp", "acme"}, {"media", "data"}};
  CHECK(read.value("turnbroker_build_info", {{"version", "0.1.0"}}) == 1);
  CHECK(read.value("turnbroker_start_time_seconds") == 1'790'000'000);
  CHECK(read.value("turnbroker_config_last_reload_successful") == 1);
  CHECK(read.value("turnbroker_config_last_reload_success_timestamp_seconds") == 1'790'000'060);
  CHECK(read.value("turnbroker_quota_limit_bytes", video) == 1'000);
  CHECK(read.value("turnbroker_quota_used_bytes", video) == 1'100);
  CHECK(read.value("turnbroker_quota_unused_bytes", video) == 0);
  CHECK(read.value("turnbroker_quota_unspent_bytes", video) == 4);
  CHECK(read.value("turnbroker_quota_unspent_by_others_bytes", video) == 5);
  CHECK(read.value("turnbroker_quota_exhausted", video) == 1);
  CHECK(read.value("turnbroker_quota_exhausted", data) == 0);
  CHECK(text.find(
            "turnbroker_quota_limit_bytes{csp=\"acme\",media=\"data\"} 9223372036854775807\n") !=
        std::string::npos);
  CHECK(read.value("turnbroker_relayed_bytes_total",
                   {{"csp", "acme"}, {"media", "video"}, {"direction", "client_to_peer"}}) == 10);
  CHECK(read.value("turnbroker_relayed_packets_total",
                   {{"csp", "acme"}, {"media", "video"}, {"direction", "peer_to_client"}}) == 2);
  CHECK(read.value("turnbroker_allocations", video) == 3);
  CHECK(read.value("turnbroker_allocations_closed_total",
                   {{"csp", "acme"}, {"media", "video"}, {"reason", "quota_exhausted"}}) == 5);
  CHECK(read.families.at("turnbroker_allocations_closed_total").samples.size() == 7);
  CHECK(read.value("turnbroker_admissions_refused_total", {{"reason", "unauthorized"}}) == 1);
  CHECK(read.value("turnbroker_admissions_refused_total", {{"reason", "capacity"}}) == 5);
  CHECK(read.value("turnbroker_relay_up", {{"relay", "iad-1"}}) == 0);
  CHECK(read.value("turnbroker_relay_heartbeat_age_seconds", {{"relay", "fra-1"}}) == 1.5);
  CHECK(read.value(
            "turnbroker_relay_info",
            {{"relay", "iad-1"}, {"domain", ""}, {"region", ""}, {"version", "a\"b\\c\nd"}}) == 1);
  // What nobody knows is not told.
  CHECK_FALSE(read.has("turnbroker_ledger_contact_age_seconds"));
  CHECK_FALSE(read.has("turnbroker_records_stream_backlog_bytes"));
  CHECK_FALSE(read.has("turnbroker_relay_allocations_max", {{"relay", "fra-1"}}));
}

TEST_CASE("a ledger of a fleet has an age, a validity and a backlog") {
  plugin::MetricsView view = some_view();
  view.ledger.contact_age_s = 0.5;
  view.ledger.valid_s = -1;
  view.ledger.reachable = false;
  view.ledger.learning = true;
  view.fleet_parts = {{"heartbeat", ""}, {"roster", "NOPERM"}};
  view.records = {7, 1, 2, 300};
  view.config_good = false;
  plugin::ExchangeMeter meter;
  for (const double duration_s : {0.0001, 0.0005, 0.02, 60.0}) {
    (void)meter.begin();
    meter.take(duration_s, duration_s < 1);
  }
  (void)meter.begin();
  view.ledger.exchanges = meter.counts();
  const Parser read(plugin::metrics_text(view));
  CHECK(read.value("turnbroker_ledger_contact_age_seconds") == 0.5);
  CHECK(read.value("turnbroker_ledger_grants_valid_seconds") == 0);
  CHECK(read.value("turnbroker_ledger_reachable") == 0);
  CHECK(read.value("turnbroker_ledger_learning") == 1);
  CHECK(read.value("turnbroker_fleet_working", {{"part", "heartbeat"}}) == 1);
  CHECK(read.value("turnbroker_fleet_working", {{"part", "roster"}}) == 0);
  CHECK(read.value("turnbroker_config_last_reload_successful") == 0);
  CHECK(read.value("turnbroker_records_stream_backlog_bytes") == 300);
  CHECK(read.value("turnbroker_ledger_exchanges_total") == 5);
  CHECK(read.value("turnbroker_ledger_exchange_failures_total") == 1);
  const std::string buckets = "turnbroker_ledger_exchange_duration_seconds_bucket";
  CHECK(read.value(buckets, {{"le", "0.0005"}}) == 2);
  CHECK(read.value(buckets, {{"le", "0.025"}}) == 3);
  CHECK(read.value(buckets, {{"le", "2.5"}}) == 3);
  CHECK(read.value(buckets, {{"le", "+Inf"}}) == 4);
  CHECK(read.value("turnbroker_ledger_exchange_duration_seconds_sum") == Approx(60.0206));
}

TEST_CASE("metrics want an admin token", "[api]") {
  api_test::Api api;
  api.control.numbers = some_view();
  for (const auto& token : {api_test::acme_key, std::string("x"), std::string()})
    api_test::problem(api.get("/metrics", "", api_test::bearer(token)), "unauthorized", 401);
  api_test::problem(api.get("/metrics", ""), "unauthorized", 401);
  CHECK(api.control.calls().empty());
  const auto told = api.get("/metrics", "", api_test::bearer(api_test::admin_token));
  CHECK(told.status == 200);
  CHECK(told.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(api_test::header(told, "Cache-Control") == "no-store");
  CHECK(Parser(told.body).value("turnbroker_accounts") == 3);
  api_test::problem(api.get("/metrics", "x=y", api_test::bearer(api_test::admin_token)),
                    "bad-parameter", 400);
}
