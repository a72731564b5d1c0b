// [broker.http], thresholds, and what a CSP says of the HTTP API, by way of load_config.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/config.h"
#include "memory_files.h"

using tests::MemoryFiles;

namespace {

broker::Config must_load(const MemoryFiles& files) {
  const auto config = broker::load_config("etc/turnbroker.toml", tests::config_files(files));
  INFO((config ? std::string() : config.error().message));
  REQUIRE(config);
  return config.value();
}

std::string error_of(const std::string& text) {
  const auto config =
      broker::load_config("turnbroker.toml", tests::config_files({{"turnbroker.toml", text}}));
  return config ? "no error" : config.error().message;
}

std::vector<std::string> revealed(const std::vector<broker::Secret>& secrets) {
  std::vector<std::string> texts;
  for (const auto& secret : secrets) texts.emplace_back(secret.reveal());
  return texts;
}

const MemoryFiles full{{"etc/turnbroker.toml", R"(
[broker]
secret = "broker-secret-number-1"
thresholds = [50, 80, 99]
[broker.http]
listen = ["127.0.0.1:8080", "[2001:DB8:0::1]:0"]
listen_tls = "0.0.0.0:8443"
certificate = "tls/cert.pem"
private_key = "/run/key.pem"
admin_token = "admin-token-number-1"
admin_tokens = ["admin-token-number-2"]
admin_token_file = "tokens"
metrics_tokens = ["metrics-token-number-1", "metrics-token-number-2"]
trusted_proxies = ["192.0.2.1", "2001:DB8::0:1"]
connections_max = 10
connections_per_address = 2
requests_per_address = 3
requests_per_csp = 4
watchers_max = 5
watchers_per_address = 6
example = true
[csp.acme]
api_key = "acme-api-key-number-1"
api_keys_files = ["keys"]
allowed_origins = ["https://app.example", "http://localhost:3000", "*", "http://[::1]:8000"]
quota.data = { volume = "10 GB", period = "total" }
[csp.acme.webhook]
url = "https://app.example:8000/hook?x=1"
secrets = ["hook-secret-number-1", "hook-secret-number-2"]
)"},
                       {"etc/tls/cert.pem", "certificate"},
                       {"/run/key.pem", "key"},
                       {"etc/tokens", "admin-token-number-3\n"},
                       {"etc/keys", "acme-api-key-number-2\nacme-api-key-number-3\n"}};

}  // namespace

TEST_CASE("every key of the HTTP API arrives") {
  const broker::Config config = must_load(full);
  const broker::HttpConfig& http = config.http;
  CHECK(http.listen == std::vector<std::string>{"127.0.0.1:8080", "[2001:db8::1]:0"});
  CHECK(http.listen_tls == std::vector<std::string>{"0.0.0.0:8443"});
  CHECK(http.certificate == "etc/tls/cert.pem");
  CHECK(http.private_key == "/run/key.pem");
  CHECK_FALSE(http.tls_digest.empty());
  CHECK(revealed(http.metrics_tokens) ==
        std::vector<std::string>{"metrics-token-number-1", "metrics-token-number-2"});
  CHECK(revealed(http.admin_tokens) == std::vector<std::string>{"admin-token-number-1",
                                                                "admin-token-number-2",
                                                                "admin-token-number-3"});
  CHECK(http.trusted_proxies == std::vector<std::string>{"192.0.2.1", "2001:db8::1"});
  CHECK(http.connections_max == 10);
  CHECK(http.connections_per_address == 2);
  CHECK(http.requests_per_address == 3);
  CHECK(http.requests_per_csp == 4);
  CHECK(http.watchers_max == 5);
  CHECK(http.watchers_per_address == 6);
  CHECK(http.tls_problem.empty());
  CHECK(http.example);
  CHECK(config.thresholds == std::vector<std::uint32_t>{50, 80, 99});
  const broker::Csp& acme = config.csps.at("acme");
  CHECK(revealed(acme.api_keys) == std::vector<std::string>{"acme-api-key-number-1",
                                                            "acme-api-key-number-2",
                                                            "acme-api-key-number-3"});
  CHECK(acme.allowed_origins == std::vector<std::string>{"https://app.example",
                                                         "http://localhost:3000", "*",
                                                         "http://[::1]:8000"});
  REQUIRE(acme.webhook);
  CHECK(acme.webhook->url == "https://app.example:8000/hook?x=1");
  CHECK(revealed(acme.webhook->secrets) ==
        std::vector<std::string>{"hook-secret-number-1", "hook-secret-number-2"});
  CHECK(config.files == std::vector<std::string>{"etc/turnbroker.toml", "etc/tls/cert.pem",
                                                 "/run/key.pem", "etc/tokens", "etc/keys"});
}

TEST_CASE("without [broker.http] there is no HTTP API, and the documented defaults hold") {
  const broker::Config config = must_load({{"etc/turnbroker.toml", "[broker.http]\n"}});
  CHECK(config.http == broker::HttpConfig{});
  CHECK(config.http.listen.empty());
  CHECK(config.http.connections_max == 1024);
  CHECK(config.http.connections_per_address == 64);
  CHECK(config.http.requests_per_address == 10);
  CHECK(config.http.requests_per_csp == 200);
  CHECK(config.http.watchers_max == 1024);
  CHECK(config.http.watchers_per_address == 64);
  CHECK(config.thresholds == std::vector<std::uint32_t>{80, 95});
  CHECK(must_load({{"etc/turnbroker.toml", "[broker]\nthresholds = []\n"}}).thresholds.empty());
}

TEST_CASE("another certificate in the same file is another configuration") {
  const broker::Config before = must_load(full);
  CHECK(must_load(full) == before);
  MemoryFiles renewed = full;
  renewed["etc/tls/cert.pem"] = "renewed";
  CHECK_FALSE(must_load(renewed) == before);
  CHECK(broker::restart_needed(before, must_load(renewed)).empty());
}

TEST_CASE("a certificate that cannot be read is said, and the rest of the configuration loads") {
  for (const std::string file : {"etc/tls/cert.pem", "/run/key.pem"}) {
    CAPTURE(file);
    MemoryFiles without = full;
    without.erase(file);
    const broker::Config config = must_load(without);
    CHECK(config.csps.size() == 1);
    CHECK(config.http.tls_problem ==
          (file == "/run/key.pem" ? "etc/turnbroker.toml:9: broker.http.private_key"
                                  : "etc/turnbroker.toml:8: broker.http.certificate") +
              std::string(": \"") + file +
              "\" cannot be read: No such file or directory; allowed: a readable PEM file");
    CHECK(config.files == must_load(full).files);  // so that it is watched for
  }
  // Another problem still is one.
  CHECK(error_of("[broker.http]\ncertificate = 'none'\nexample = 1\n")
            .starts_with("turnbroker.toml:3: broker.http.example: "));
}

TEST_CASE("watchers are bounded") {
  for (const std::string key : {"watchers_max", "watchers_per_address"})
    for (const std::string value : {"0", "65537", "-1", "'5'"}) {
      CAPTURE(key, value);
      CHECK(error_of("[broker.http]\n" + key + " = " + value + "\n")
                .starts_with("turnbroker.toml:2: broker.http." + key + ": "));
    }
}

TEST_CASE("an API key that is an admin token is refused") {
  const std::string text =
      "[broker.http]\nadmin_tokens = ['0123456789abcdef', 'fedcba9876543210']\n"
      "[csp.a]\nsecret = 'a-secret-of-its-own'\napi_key = 'fedcba9876543210'\n"
      "quota.data = {volume = '1 B', period = 'day'}\n";
  CHECK(error_of(text) ==
        "turnbroker.toml:3: csp.a: an API key that is an admin or metrics token, too; allowed: "
        "keys of its own");
}

TEST_CASE("of the HTTP API only its addresses need a restart") {
  const broker::Config running = must_load(full);
  broker::Config wanted = running;
  wanted.http.listen = {"127.0.0.1:1"};
  wanted.http.listen_tls.clear();
  wanted.http.connections_max = 5;
  wanted.http.admin_tokens.clear();
  wanted.http.metrics_tokens.clear();
  wanted.thresholds.clear();
  CHECK(broker::restart_needed(running, wanted) ==
        std::vector<std::string>{"broker.http.listen", "broker.http.listen_tls"});
}

TEST_CASE("origins are taken as browsers send them, and in no other form") {
  const auto origin = [](const std::string& text) {
    return error_of("[csp.a]\nsecret='0123456789abcdef'\nallowed_origins=['" + text +
                    "']\nquota.data={volume='1 B',period='day'}\n");
  };
  for (const std::string text :
       {"*", "http://a", "https://a.b:8443", "http://127.0.0.1:1", "http://[::1]",
        "capacitor://localhost", "https://xn--bcher-kva.example", "https://a:80", "http://a:443"}) {
    CAPTURE(text);
    CHECK(origin(text) == "no error");
  }
  for (const std::string text :
       {"null", "https://", "https://*.a", "https://a b", "https://a:", "https://a:0",
        "https://a:08", "https://a:65536", "https://a/", "https://a?", "https://u@a", "://a",
        "http://[::1", "http://[0::1]", "http://[1.2.3.4]", "http://1.2.3", "1http://a",
        "http://a:80", "https://a#"}) {
    CAPTURE(text);
    CHECK(origin(text) ==
          "turnbroker.toml:3: csp.a.allowed_origins[0]: \"" + text +
              "\"; allowed: \"*\", or scheme://host[:port] as browsers send it, in lower case, "
              "without a path and without the scheme's own port");
  }
}

TEST_CASE("listen addresses are addresses, not names, and always have a port") {
  const auto listen = [](const std::string& text) {
    return error_of("[broker.http]\nlisten='" + text + "'\n");
  };
  for (const std::string text : {"127.0.0.1:0", "0.0.0.0:65535", "[::]:80", "[::ffff:1.2.3.4]:9"}) {
    CAPTURE(text);
    CHECK(listen(text) == "no error");
  }
  for (const std::string text : {":80", "*:80", "1.2.3:80", "1.2.3.4:", "1.2.3.4:x", "[::1]",
                                 "[::1]80", "[1.2.3.4]:80", "1.2.3.4:80 ", "[fe80::1%lo]:80"}) {
    CAPTURE(text);
    CHECK(listen(text) ==
          "turnbroker.toml:2: broker.http.listen: \"" + text +
              "\"; allowed: an address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"");
  }
}

TEST_CASE("webhook URLs are http: or https: with a host") {
  const auto url = [](const std::string& text) {
    return error_of(
        "[csp.a]\nsecret='0123456789abcdef'\nquota.data={volume='1 B',period='day'}\n"
        "webhook={secret='0123456789abcdef',url='" +
        text + "'}\n");
  };
  for (const std::string text : {"http://a", "https://a.b/", "http://127.0.0.1:1/x?y=%20&z",
                                 "http://[::1]:9/", "https://a?b"}) {
    CAPTURE(text);
    CHECK(url(text) == "no error");
  }
  const std::string neither = "neither http:// nor https://";
  const std::string wrong = "a wrong host or port";
  const std::string octet = "a blank, a control character, or not in ASCII";
  const std::vector<std::pair<std::string, std::string>> refused{
      {"a", neither},
      {"http:/a", neither},
      {"HTTP://a", neither},
      {"http://", wrong},
      {"http:///x", wrong},
      {"http://a:x/hush", wrong},
      {"http://u:hush@a/", "user information"},
      {"http://a/b hush", octet},
      {"http://a/\xc3\xbc", octet},
      {"http://a/?token=hush#b", "a fragment"}};
  for (const auto& [text, reason] : refused) {
    CAPTURE(text);
    // Nothing of the URL: it may hold credentials.
    CHECK(url(text) == "turnbroker.toml:4: csp.a.webhook.url: " + reason +
                           "; allowed: http://HOST[:PORT][/PATH] or https://..., in ASCII, without "
                           "user information and without a fragment");
  }
}
