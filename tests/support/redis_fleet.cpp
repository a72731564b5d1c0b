#include "support/redis_fleet.h"

#include <functional>
#include <stdexcept>
#include <utility>

#include "support/wait_until.h"

namespace turntest {

namespace {

constexpr Milliseconds settle_timeout{40'000};
constexpr std::size_t nodes = 3;

void wait_for(const std::string& what, const std::function<bool()>& condition) {
  if (!wait_until(settle_timeout, condition)) throw std::runtime_error("in vain for " + what);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

RedisCluster::RedisCluster(RedisOptions each) {
  constexpr int last_slot = 16'383;
  each.cluster = true;
  for (std::size_t i = 0; i < nodes; ++i) nodes_.push_back(std::make_unique<RedisServer>(each));
  for (std::size_t i = 0; i < nodes; ++i) {
    const int first = static_cast<int>(i) * slots_each;
    const int last = i + 1 == nodes ? last_slot : first + slots_each - 1;
    (void)node(i).cli({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
    (void)node(0).cli({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(i).port()),
                       std::to_string(node(i).bus_port())});
  }
  for (std::size_t i = 0; i < nodes; ++i)
    wait_for("the cluster", [&] {
      const std::string info = node(i).cli({"CLUSTER", "INFO"});
      return has(info, "cluster_state:ok") && has(info, "cluster_slots_assigned:16384") &&
             has(info, "cluster_size:3");
    });
}

std::string RedisCluster::id(std::size_t index) const {
  const std::string text = nodes_.at(index)->cli({"CLUSTER", "MYID"});
  return text.substr(0, text.find('\n'));
}

void RedisCluster::move_slot(std::uint16_t slot, std::size_t from, std::size_t to) {
  const std::string number = std::to_string(slot);
  (void)node(to).cli({"CLUSTER", "SETSLOT", number, "IMPORTING", id(from)});
  (void)node(from).cli({"CLUSTER", "SETSLOT", number, "MIGRATING", id(to)});
  for (;;) {
    const std::string keys = node(from).cli({"CLUSTER", "GETKEYSINSLOT", number, "1"});
    const std::string key = keys.substr(0, keys.find('\n'));
    if (key.empty()) break;
    (void)node(from).cli(
        {"MIGRATE", "127.0.0.1", std::to_string(node(to).port()), key, "0", "5000"});
  }
  (void)node(to).cli({"CLUSTER", "SETSLOT", number, "NODE", id(to)});
  (void)node(from).cli({"CLUSTER", "SETSLOT", number, "NODE", id(to)});
}

RedisSentinels::RedisSentinels(RedisOptions each, std::string password)
    : each_(std::move(each)), password_(std::move(password)), ports_(nodes) {
  servers_.push_back(std::make_unique<RedisServer>(each_));
  RedisOptions replica = each_;
  replica.arguments.insert(replica.arguments.end(),
                           {"--replicaof", "127.0.0.1 " + std::to_string(first().port())});
  servers_.push_back(std::make_unique<RedisServer>(replica));
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto file = directory_.write("sentinel" + std::to_string(i) + ".conf", configuration(i));
    processes_.push_back(
        std::make_unique<ChildProcess>(ChildOptions{.program = redis_program(),
                                                    .arguments = {file.string(), "--sentinel"},
                                                    .environment = {}}));
  }
  for (std::size_t i = 0; i < nodes; ++i)
    wait_for("the sentinels", [&] {
      const std::string info = cli(i, {"INFO", "sentinel"});
      return has(info, "status=ok") && has(info, "slaves=1") && has(info, "sentinels=3");
    });
}

std::string RedisSentinels::configuration(std::size_t sentinel) const {
  const std::string own_port = std::to_string(port(sentinel));
  std::string text = "bind 127.0.0.1\ndir " + directory_.path().string() + '\n';
  const auto add = [&](const std::string& line) { text += line + '\n'; };
  const auto of_master = [&](const std::string& name, const std::string& value) {
    add("sentinel " + name + ' ' + master_name + ' ' + value);
  };
  of_master("monitor", "127.0.0.1 " + std::to_string(servers_.at(0)->port()) + " 2");
  of_master("down-after-milliseconds", "2000");
  of_master("failover-timeout", "5000");
  if (!each_.password.empty()) of_master("auth-pass", each_.password);
  if (!password_.empty()) {
    add("requirepass " + password_);
    add("sentinel sentinel-pass " + password_);
  }
  if (!each_.tls) {
    add("port " + own_port);
    return text;
  }
  add("port 0\ntls-port " + own_port + "\ntls-replication yes\ntls-auth-clients optional");
  add("tls-cert-file " + each_.certificate.certificate.string());
  add("tls-key-file " + each_.certificate.key.string());
  add("tls-ca-cert-file " + each_.certificate.certificate.string());
  return text;
}

std::string RedisSentinels::cli(std::size_t sentinel,
                                const std::vector<std::string>& command) const {
  std::vector<std::string> arguments{"-p", std::to_string(port(sentinel))};
  if (each_.tls)
    arguments.insert(arguments.end(),
                     {"--tls", "--cacert", each_.certificate.certificate.string()});
  if (!password_.empty()) arguments.insert(arguments.end(), {"--no-auth-warning", "-a", password_});
  arguments.insert(arguments.end(), command.begin(), command.end());
  return run_to_end({.program = "/usr/bin/redis-cli",
                     .arguments = std::move(arguments),
                     .environment = {}})
      .output;
}

}  // namespace turntest
