#include "broker/credentials.h"

#include <catch2/catch.hpp>
#include <random>

#include "../support/sample_config.h"

using broker::AcceptedUser;
using broker::check_username;
using broker::Config;
using broker::credentials_for;
using broker::ForeignUser;
using broker::issue_client_id;
using broker::issue_credentials;
using broker::MediaType;
using broker::read_client_id;
using broker::RefusedUser;
using broker::sample_config;
using broker::Secret;
using broker::token_of;
using broker::turn_password;
using broker::UserCheck;
using broker::verify_client_id;
using Catch::Matchers::Contains;

namespace {

constexpr broker::UnixSeconds now_s = 1'700'000'000;

std::string issued_username(const Config& config) {
  return issue_credentials(config, "acme", MediaType::video, "alice", 3600, now_s).value().username;
}

/// The user, or a failed test that shows why not.
AcceptedUser accepted(const std::string& username, const Config& config,
                      broker::UnixSeconds at_s = now_s) {
  UserCheck check = check_username(username, config, at_s);
  if (const auto* refused = std::get_if<RefusedUser>(&check)) FAIL(refused->reason);
  REQUIRE(std::holds_alternative<AcceptedUser>(check));
  return std::get<AcceptedUser>(check);
}

std::string reason(const std::string& username, const Config& config = sample_config(),
                   broker::UnixSeconds at_s = now_s) {
  const UserCheck check = check_username(username, config, at_s);
  const auto* refused = std::get_if<RefusedUser>(&check);
  return refused == nullptr ? "it was not refused" : refused->reason;
}

bool is_foreign(const std::string& username) {
  return std::holds_alternative<ForeignUser>(check_username(username, sample_config(), now_s));
}

}  // namespace

TEST_CASE("the password is the one that openssl computes") {
  // printf %s '1700003600:acme/video/alice' | openssl dgst -sha1 -hmac north-star -binary | base64
  CHECK(turn_password(Secret("north-star"), "1700003600:acme/video/alice").reveal() ==
        "g6B7bu+w9QCx4n0KzZXSKgYDEeo=");
  // printf %s '1433895918:ZKPZ4OTQFG' | openssl dgst -sha1 -hmac my_secret -binary | base64
  CHECK(turn_password(Secret("my_secret"), "1433895918:ZKPZ4OTQFG").reveal() ==
        "kTKuv5pMNv2D2ab9XSu+PFTQkpE=");
}

TEST_CASE("issued credentials are accepted with the password that came with them") {
  const Config config = sample_config();
  const auto issued =
      issue_credentials(config, "acme", MediaType::video, "alice", 3600, now_s).value();
  // The proof of the client id is not in what goes over the wire.
  CHECK(issued.client_id.size() > token_of(issued.client_id).size());
  CHECK(issued.username == "1700003600:" + std::string(token_of(issued.client_id)));
  CHECK(issued.ttl_s == 3600);
  CHECK(issued.uris == config.relay.urls);

  const AcceptedUser user = accepted(issued.username, config);
  CHECK(user.csp == "acme");
  CHECK(user.media == MediaType::video);
  CHECK(user.client_name == "alice");
  CHECK(user.who == token_of(issued.client_id));
  CHECK(user.expiry_s == now_s + 3600);
  CHECK(user.issued_s == now_s);
  REQUIRE(user.passwords.size() == 2);
  CHECK(user.passwords[0] == issued.password);
  CHECK(user.passwords[1] == turn_password(Secret("old-north-star"), issued.username));
}

TEST_CASE("the longest names still fit a STUN username") {
  Config config = sample_config();
  config.relay.id.assign(63, 'r');
  const std::string csp(63, 'c');
  config.csps[csp] = config.csps["acme"];
  const std::string name(128, 'n');
  const auto issued = issue_credentials(config, csp, MediaType::data, name, 60, now_s).value();
  CHECK(issued.username.size() <= broker::username_octets_max);
  CHECK(accepted(issued.username, config).client_name == name);
}

TEST_CASE("credentials that a CSP minted are accepted with the CSP's secrets") {
  const std::string username = "1700003600:acme/video/alice@example.org";
  const AcceptedUser user = accepted(username, sample_config());
  CHECK(user.csp == "acme");
  CHECK(user.media == MediaType::video);
  CHECK(user.client_name == "alice@example.org");
  CHECK(user.who == "acme/video/alice@example.org");
  CHECK(user.expiry_s == 1'700'003'600);
  CHECK(user.issued_s == 1'700'000'000 - broker::minted_skew_s);
  CHECK(user.passwords == std::vector<Secret>{turn_password(Secret("anvil"), username),
                                              turn_password(Secret("old-anvil"), username)});
}

TEST_CASE("the client part may hold slashes and colons") {
  CHECK(accepted("1700003600:acme/data/a/b//c", sample_config()).client_name == "a/b//c");
  CHECK(accepted("1700003600:acme/data/a:b", sample_config()).client_name == "a:b");
}

TEST_CASE("a credential is valid until the second before its expiry") {
  const Config config = sample_config();
  const std::string username = "1700003600:acme/video/alice";
  CHECK_THAT(reason(username, config, 1'700'003'600), Contains("expired at 1700003600, 0 s ago"));
  CHECK(accepted(username, config, 1'700'003'599).expiry_s == 1'700'003'600);
  CHECK_THAT(reason(issued_username(config), config, now_s + 3600), Contains("expired"));
  CHECK_THAT(reason("0:acme/video/alice"), Contains("expired at 0"));
}

TEST_CASE("a CSP mints for credential_ttl at most, and a minute for the clocks") {
  Config config = sample_config();
  const auto minted = [](std::int64_t expiry_s) {
    return std::to_string(expiry_s) + ":acme/video/alice";
  };
  const std::int64_t longest_s = config.credential_ttl_s + broker::minted_skew_s;
  CHECK(accepted(minted(now_s + longest_s), config).issued_s == now_s);
  CHECK(
      reason(minted(now_s + longest_s + 1), config) ==
      "the credential expires at 1700003661; with [broker] credential_ttl (3600 s, and 60 s for a "
      "clock that is ahead) 1700003660 is the latest that is allowed");
  CHECK_THAT(reason(minted(INT64_MAX), config), Contains("expires at 9223372036854775807;"));
  // It comes into its own when so much is left of it.
  CHECK(accepted(minted(now_s + longest_s + 1), config, now_s + 1).issued_s == now_s + 1);

  config.credential_ttl_s = broker::credential_ttl_s_max;
  CHECK(accepted(minted(now_s + broker::credential_ttl_s_max), config).issued_s ==
        now_s - broker::minted_skew_s);
  CHECK_THAT(reason(minted(INT64_MAX), config, -1), Contains("credential_ttl"));
  CHECK(accepted(minted(INT64_MAX), config, INT64_MAX - 60).expiry_s == INT64_MAX);
  CHECK(accepted("1:acme/video/alice", config, 0).issued_s < 0);
}

TEST_CASE("a revocation covers whatever was minted before it, for how long ever") {
  const Config config = sample_config();
  constexpr broker::UnixSeconds revoked_at_s = now_s + 10;
  for (const std::int64_t ttl_s : {20, 3'600, 3'660})
    for (const std::int64_t later_s : {0, 5, 3'000}) {
      const std::string username = std::to_string(now_s + ttl_s) + ":acme/video/alice";
      const auto at_s = std::min(revoked_at_s + later_s, now_s + ttl_s - 1);
      CHECK(accepted(username, config, at_s).issued_s <= revoked_at_s);
    }
  // What is minted a minute later is good.
  const broker::UnixSeconds minted_at_s = revoked_at_s + broker::minted_skew_s + 1;
  const std::string username = std::to_string(minted_at_s + 3'600) + ":acme/video/alice";
  CHECK(accepted(username, config, minted_at_s).issued_s > revoked_at_s);
}

TEST_CASE("a client id with its proof is no username") {
  const Config config = sample_config();
  const auto issued =
      issue_credentials(config, "acme", MediaType::video, "alice", 3600, now_s).value();
  CHECK_THAT(reason("1700003600:" + issued.client_id, config), Contains("not base64url"));
}

TEST_CASE("of username and client id the earlier expiry counts") {
  const Config config = sample_config();
  const std::string token = issued_username(config).substr(11);
  CHECK(accepted("1700000007:" + token, config).expiry_s == 1'700'000'007);
  CHECK(accepted("1999999999:" + token, config).expiry_s == now_s + 3600);
  CHECK_THAT(reason("1999999999:" + token, config, now_s + 3600),
             Contains("client id expired at 1700003600"));
}

TEST_CASE("a client id signed with an older secret is accepted while that secret is configured") {
  Config before = sample_config();
  before.secrets = {Secret("old-north-star")};
  const std::string username = issued_username(before);
  const AcceptedUser user = accepted(username, sample_config());
  CHECK(user.passwords.at(1) == turn_password(Secret("old-north-star"), username));
  Config after = sample_config();
  after.secrets = {Secret("north-star")};
  CHECK_THAT(reason(username, after), Contains("fits none"));
}

TEST_CASE("of many secrets only as many count as the door can carry, the newest") {
  Config config = sample_config();
  config.csps["acme"].secrets.clear();
  for (int i = 0; i < 20; ++i)
    config.csps["acme"].secrets.push_back(i == 3 ? Secret() : Secret("s" + std::to_string(i)));
  const std::string username = "1700003600:acme/video/alice";
  const AcceptedUser user = accepted(username, config);
  REQUIRE(user.passwords.size() == broker::passwords_max);
  CHECK(user.passwords.front() == turn_password(Secret("s0"), username));
  CHECK(user.passwords.back() == turn_password(Secret("s8"), username));
}

TEST_CASE("a client id of another relay of the fleet is accepted") {
  Config other = sample_config();
  other.relay.id = "relay-2";
  CHECK(accepted(issued_username(other), sample_config()).client_name == "alice");
}

TEST_CASE("coturn's own users are left to coturn") {
  for (const char* username : {"",
                               ":",
                               "alice",
                               "alice/x",
                               "alice/x/y",
                               "1700000000",
                               "1700000000:",
                               "1700000000:alice",
                               "1700003600:alice",
                               "1700003600:alice/x",
                               "1700003600:/video/x",
                               "1700003600://",
                               "1700003600:nobody//x",
                               "a:b/c/d",
                               ":a/b/c",
                               "alice:acme",
                               "acme",
                               "acme/",
                               "acme//",
                               "acme/speech/x",
                               "1700003600:acme",
                               "1700003600:acme/",
                               "1700003600:acme/speech",
                               "17000x3600:nobody/video/x",
                               "-5:nobody/video/x",
                               "tb1",
                               "tb2.abc",
                               "1700003600:TB1.abc",
                               "ac me/video/x",
                               "nobody/video/x",
                               "acme/video2",
                               "acme/video2/x",
                               "\xff\xfe/\x01/\n"})
    CHECK(is_foreign(username));
  CHECK(is_foreign(std::string(100'000, 'a')));
  CHECK(is_foreign(std::string(1000, '1') + ":alice"));
}

TEST_CASE("a mistyped credential of a CSP is refused with what is wrong in it") {
  CHECK_THAT(reason("1700003600:nobody/video/alice"), Contains("unknown CSP \"nobody\""));
  CHECK_THAT(reason("1700003600:nobody/speech/alice"), Contains("unknown CSP \"nobody\""));
  CHECK_THAT(reason("1700003600:ACME/video/alice"), Contains("unknown CSP \"ACME\""));
  CHECK_THAT(reason("1700003600:acme/speech/alice"),
             Contains("unknown media type \"speech\"") && Contains("audio, video or data"));
  CHECK_THAT(reason("1700003600:acme/Video/alice"), Contains("unknown media type \"Video\""));
  CHECK_THAT(reason("1700003600:acme//alice"), Contains("unknown media type \"\""));
  CHECK_THAT(reason("1700003600:acme/audio/alice"),
             Contains("\"acme\" has no quota for media type \"audio\""));
  CHECK_THAT(reason("1700003600:acme/video/"), Contains("client name is empty"));
  CHECK_THAT(reason("1700003600:acme/video"), Contains("client name is empty"));
  CHECK_THAT(reason("1700003600:acme/video/a b"), Contains("blank"));
  CHECK_THAT(reason("1700003600:acme/video/\xff"), Contains("UTF-8"));
  CHECK_THAT(reason("1700003600:acme/video/" + std::string(129, 'x')), Contains("129 octets"));
  CHECK_THAT(reason("1700003600:globex/audio/alice"), Contains("\"globex\" has no secret"));
}

TEST_CASE("an expiry that is missing or no number is refused as such") {
  CHECK_THAT(reason("acme/video/alice"), Contains("lacks its expiry"));
  CHECK_THAT(reason("tb1.abc"), Contains("lacks its expiry"));
  for (const char* expiry :
       {"", "-1", "+1700003600", " 1700003600", "1.7e9", "0x6553ff10", "tomorrow",
        "9223372036854775808", "9999999999999999999", "00000000001700003600"}) {
    CHECK_THAT(reason(std::string(expiry) + ":acme/video/alice"), Contains("not a Unix time"));
    CHECK_THAT(reason(std::string(expiry) + ":tb1.abc"), Contains("not a Unix time"));
  }
  CHECK_THAT(reason("99999999999999999999:nobody/video/x"), Contains("not a Unix time"));
  CHECK(accepted("0000000001700003600:acme/video/x", sample_config()).expiry_s == 1'700'003'600);
  CHECK(accepted("9223372036854775807:acme/video/x", sample_config(), INT64_MAX - 1).expiry_s ==
        INT64_MAX);
}

TEST_CASE("a client id that was altered is refused, and so is one whose CSP or quota is gone") {
  Config config = sample_config();
  std::string username = issued_username(config);
  std::string altered = username;
  altered[30] = altered[30] == 'A' ? 'B' : 'A';
  CHECK_THAT(reason(altered), Contains("fits none of the [broker] secrets"));
  CHECK_THAT(reason("1700003600:tb1."), Contains("too short"));
  CHECK_THAT(reason("1700003600:tb1.acme/video/x"), Contains("not base64url"));

  config.csps["acme"].quotas.erase(MediaType::video);
  CHECK_THAT(reason(username, config), Contains("no quota for media type \"video\""));
  config.csps.erase("acme");
  CHECK_THAT(reason(username, config), Contains("unknown CSP \"acme\""));
  config.secrets.clear();
  CHECK_THAT(reason(username, config), Contains("no [broker] secret"));
}

TEST_CASE("a username that is longer than coturn keeps is refused when it is of our form") {
  CHECK_THAT(reason("1700003600:acme/video/" + std::string(500, 'x')), Contains("512"));
  CHECK_THAT(reason("1700003600:tb1." + std::string(100'000, 'x')), Contains("512"));
}

TEST_CASE("no reason is long, breaks a line or tells a secret, whatever the username holds") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const std::vector<std::string> pieces{"1700003600",
                                        ":",
                                        "acme",
                                        "globex",
                                        "/",
                                        "video",
                                        "audio",
                                        "tb1.",
                                        "\n",
                                        "\"",
                                        "\xff",
                                        "\u2028",
                                        "AA",
                                        "-",
                                        " ",
                                        "\x1b",
                                        "9999",
                                        "x",
                                        issued_username(sample_config())};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string username;
    for (std::uint64_t left = random() % 12; left > 0; --left) {
      const std::string& piece = pieces[random() % pieces.size()];
      for (std::uint64_t times = random() % 20 == 0 ? random() % 80 : 1; times > 0; --times)
        username += piece;
    }
    const UserCheck check = check_username(username, sample_config(), now_s);
    const auto* refusal = std::get_if<RefusedUser>(&check);
    if (refusal == nullptr) continue;
    ++refused;
    REQUIRE(refusal->reason.size() <= 200);
    for (const char c : refusal->reason) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
    for (const char* told : {"north-star", "anvil"})
      REQUIRE(refusal->reason.find(told) == std::string::npos);
  }
  CHECK(refused > 1000);
}

TEST_CASE("credentials are not issued for what would not be accepted") {
  const Config config = sample_config();
  const auto refusal = [](const Config& with, const char* csp, MediaType media, const char* client,
                          std::int64_t ttl_s, broker::UnixSeconds at_s = now_s) {
    const auto issued = issue_credentials(with, csp, media, client, ttl_s, at_s);
    return issued ? std::string("they were issued") : issued.error().message;
  };
  CHECK_THAT(refusal(config, "nobody", MediaType::video, "a", 60), Contains("unknown CSP"));
  CHECK_THAT(refusal(config, "acme", MediaType::audio, "a", 60), Contains("no quota"));
  CHECK_THAT(refusal(config, "acme", MediaType::video, "a b", 60), Contains("blank"));
  CHECK_THAT(refusal(config, "acme", MediaType::video, "", 60), Contains("empty"));
  for (const std::int64_t ttl_s : {INT64_MIN, std::int64_t{0}, std::int64_t{31'536'001}, INT64_MAX})
    CHECK_THAT(refusal(config, "acme", MediaType::video, "a", ttl_s), Contains("ttl"));
  CHECK_THAT(refusal(config, "acme", MediaType::video, "a", 60, INT64_MAX), Contains("clock"));
  CHECK_THAT(refusal(config, "acme", MediaType::video, "a", 60, -1), Contains("clock"));
  for (const std::int64_t ttl_s : {1, 31'536'000})
    CHECK(issue_credentials(config, "acme", MediaType::video, "a", ttl_s, now_s));
  Config bare = config;
  bare.secrets = {Secret()};
  CHECK_THAT(refusal(bare, "acme", MediaType::video, "a", 60), Contains("no [broker] secret"));
}

TEST_CASE("a client id issued by one relay becomes credentials on another with the same secrets") {
  Config config = sample_config();
  const auto issued =
      issue_client_id(config, "acme", MediaType::video, "alice", config.relay.id, 600, 1'000);
  REQUIRE(issued);
  CHECK(issued.value().token.relay_id == "relay-1");
  CHECK(issued.value().token.expiry_s == 1'600);

  config.relay.id = "relay-2";
  config.relay.urls = {"turn:relay-2.example:3478"};
  const auto token = verify_client_id(issued.value().client_id, config.secrets, 1'200);
  REQUIRE(token);
  CHECK(token.value() == issued.value().token);
  const auto credentials = credentials_for(config, issued.value().client_id, token.value(), 1'200);
  REQUIRE(credentials);
  CHECK(credentials.value().username == "1600:" + std::string(token_of(issued.value().client_id)));
  CHECK(credentials.value().ttl_s == 400);
  CHECK(credentials.value().uris == config.relay.urls);
  const auto user = check_username(credentials.value().username, config, 1'200);
  const auto* accepted = std::get_if<AcceptedUser>(&user);
  REQUIRE(accepted != nullptr);
  CHECK(accepted->client_name == "alice");
  CHECK(accepted->passwords.front() == credentials.value().password);
}

TEST_CASE("issue_client_id and credentials_for refuse what issue_credentials refuses") {
  Config config = sample_config();
  const auto error = [&](std::string_view csp, MediaType media, std::string_view client,
                         std::int64_t ttl_s) {
    const auto id = issue_client_id(config, csp, media, client, config.relay.id, ttl_s, 1'000);
    const auto whole = issue_credentials(config, csp, media, client, ttl_s, 1'000);
    REQUIRE_FALSE(id);
    REQUIRE_FALSE(whole);
    CHECK(id.error() == whole.error());
    return id.error().message;
  };
  CHECK(error("nobody", MediaType::video, "alice", 60) == "unknown CSP \"nobody\"");
  CHECK(error("acme", MediaType::audio, "alice", 60) ==
        "CSP \"acme\" has no quota for media type \"audio\"");
  CHECK(error("acme", MediaType::video, "alice", 0) ==
        "a ttl of 0 s; 1 to 31536000 s (365 days) are allowed");
  CHECK_FALSE(error("acme", MediaType::video, "a b", 60).empty());
  config.secrets.clear();
  CHECK(error("acme", MediaType::video, "alice", 60) ==
        "no [broker] secret is configured to sign a client id with");
  CHECK_FALSE(credentials_for(config, "tb1.x", {}, 0));
}

TEST_CASE("read_client_id does not look at the clock") {
  const Config config = sample_config();
  const auto issued =
      issue_client_id(config, "acme", MediaType::video, "alice", config.relay.id, 600, 1'000);
  REQUIRE(issued);
  const auto token = read_client_id(issued.value().client_id, config.secrets);
  REQUIRE(token);
  CHECK(token.value().expiry_s == 1'600);
  CHECK_FALSE(verify_client_id(issued.value().client_id, config.secrets, 1'600));
  CHECK_FALSE(read_client_id(issued.value().client_id + "A", config.secrets));
}
