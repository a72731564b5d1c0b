#include "webhook/webhooks.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "background_thread.h"
#include "webhook/webhook_message.h"

namespace plugin {

namespace {

constexpr std::int64_t long_wait_ms = 60'000;

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return number;
}

std::string random_id() { return fmt::format("{:016x}{:016x}", random_number(), random_number()); }

/// An empty secret would sign nothing.
bool is_usable(const std::optional<broker::WebhookConfig>& webhook) {
  return webhook && !webhook->secrets.empty();
}

std::set<std::string, std::less<>> csps_with_webhook(const broker::Config& config) {
  std::set<std::string, std::less<>> ids;
  for (const auto& [id, csp] : config.csps)
    if (is_usable(csp.webhook)) ids.insert(id);
  return ids;
}

}  // namespace

broker::Result<std::unique_ptr<Webhooks>> Webhooks::start(
    const Host& host, const Clock& clock, const std::string& path,
    std::shared_ptr<const broker::Config> config, const WebhookLimits& limits) {
  std::unique_ptr<Webhooks> webhooks(new Webhooks(host, clock, path, limits));
  webhooks->hooked_ = csps_with_webhook(*config);
  webhooks->new_config_ = std::move(config);
  const bool wanted = !webhooks->hooked_.empty();
  if (wanted || ::access(path.c_str(), F_OK) == 0)
    if (auto opened = webhooks->open(); !opened) {
      if (wanted) return opened.error();
      webhooks->note_store(&opened.error());
    }
  webhooks->thread_ = background_thread([self = webhooks.get()] { self->run(); });
  return webhooks;
}

Webhooks::Webhooks(const Host& host, const Clock& clock, std::string path,
                   const WebhookLimits& limits)
    : host_(host),
      clock_(clock),
      path_(std::move(path)),
      limits_(limits),
      sender_(limits.sender),
      config_(std::make_shared<const broker::Config>()) {}

Webhooks::~Webhooks() { stop(); }

void Webhooks::configure(std::shared_ptr<const broker::Config> config) {
  {
    const std::lock_guard lock(mutex_);
    hooked_ = csps_with_webhook(*config);
    new_config_ = std::move(config);
  }
  sender_.wake();
}

void Webhooks::post(const Event& event) {
  if (event.kind == EventKind::cut) return;
  {
    const std::lock_guard lock(mutex_);
    if (!hooked_.contains(event.csp)) return;
    posted_[{event.csp, event.media}].add(event);
  }
  sender_.wake();
}

void Webhooks::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
  }
  sender_.wake();
  thread_.join();
}

broker::Status Webhooks::open() {
  auto outbox = Outbox::open(path_);
  if (!outbox) return outbox.error();
  auto told = outbox.value()->told();
  if (!told) return told.error();
  const auto counts = outbox.value()->counts();
  if (!counts) return counts.error();
  outbox_ = std::move(outbox).value();
  told_ = std::move(told).value();
  for (const auto& [csp, count] : counts.value()) queues_[csp].stored = count;
  return broker::Nothing{};
}

void Webhooks::run() {
  for (bool stopping = false; !stopping;) {
    try {
      {
        const std::lock_guard lock(mutex_);
        stopping = stop_asked_;
      }
      take_posted();
      tell();
      if (stopping) break;
      send();
      sender_.wait(wait_ms());
      for (const SendOutcome& outcome : sender_.perform()) ended(outcome);
    } catch (const std::exception& error) {
      host_.error("webhooks: {}", error.what());
      sender_.wait(limits_.store_retry_ms);
    }
  }
}

void Webhooks::take_posted() {
  AccountSteps posted;
  std::shared_ptr<const broker::Config> config;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
    config.swap(new_config_);
  }
  if (config != nullptr) take_config(std::move(config));
  for (auto& [account, steps] : posted)
    for (LevelSteps& mine = waiting_[account]; !steps.empty(); steps.pop()) mine.add(steps.front());
}

void Webhooks::take_config(std::shared_ptr<const broker::Config> config) {
  const auto before = std::exchange(config_, std::move(config));
  config_pending_ = true;
  std::erase_if(waiting_, [&](const auto& each) {
    const auto csp = config_->csps.find(each.first.first);
    return csp == config_->csps.end() || !is_usable(csp->second.webhook) ||
           !csp->second.quotas.contains(each.first.second);
  });
  for (auto& [id, queue] : queues_) {
    const auto old = before->csps.find(id);
    const auto* now = webhook_of(id);
    const bool same = now != nullptr && old != before->csps.end() && old->second.webhook == *now;
    if (same) continue;
    // Somebody has put it right, perhaps: no reason to wait.
    sender_.cancel(id);
    queue.sending = false;
    queue.failures = 0;
    queue.next_ms = 0;
  }
}

const broker::WebhookConfig* Webhooks::webhook_of(const std::string& csp) const {
  const auto found = config_->csps.find(csp);
  if (found == config_->csps.end() || !is_usable(found->second.webhook)) return nullptr;
  return &*found->second.webhook;
}

void Webhooks::tell() {
  if (clock_.steady_ms() < store_retry_ms_) return;
  store_retry_ms_ = 0;
  if (outbox_ == nullptr) {
    if (csps_with_webhook(*config_).empty()) return;
    if (auto opened = open(); !opened) return note_store(&opened.error());
  }
  const std::int64_t now_s = clock_.unix_ms() / 1'000;
  const bool over = std::any_of(left_s_.begin(), left_s_.end(), [&](const auto& each) {
    return now_s - each.second >= limits_.give_up_s;
  });
  if ((config_pending_ || over) && !settle_config()) return;
  for (auto& [account, steps] : waiting_)
    if (!tell_account(account, steps)) return;
  std::erase_if(waiting_, [](const auto& each) { return each.second.empty(); });
}

bool Webhooks::settle_config() {
  config_pending_ = true;
  const auto failed = [this](const broker::Error& error) {
    note_store(&error);
    return false;
  };
  const auto kept = outbox_->csps();
  if (!kept) return failed(kept.error());
  const auto spares = spared(kept.value());
  const auto dropped = outbox_->keep_only(*config_, spares);
  if (!dropped) return failed(dropped.error());
  if (dropped.value() != 0)
    host_.warning("{} webhook messages of CSPs without a webhook are dropped", dropped.value());
  auto told = outbox_->told();
  if (!told) return failed(told.error());
  const auto counts = outbox_->counts();
  if (!counts) return failed(counts.error());
  told_ = std::move(told).value();
  // One that is back goes on with what was kept for it.
  std::erase_if(queues_, [&](const auto& each) { return webhook_of(each.first) == nullptr; });
  for (const auto& [csp, count] : counts.value())
    if (webhook_of(csp) != nullptr) queues_[csp].stored = count;
  std::erase_if(left_s_, [&](const auto& each) { return !spares.contains(each.first); });
  config_pending_ = false;
  note_store(nullptr);
  return true;
}

std::set<std::string> Webhooks::spared(const std::set<std::string>& kept) {
  const std::int64_t now_s = clock_.unix_ms() / 1'000;
  std::set<std::string> spared;
  for (const std::string& csp : kept) {
    if (webhook_of(csp) != nullptr) {
      left_s_.erase(csp);
      continue;
    }
    const auto [left, new_one] = left_s_.emplace(csp, now_s);
    if (new_one)
      host_.info("webhook of {}: taken away; what it has not delivered is kept for {} s", csp,
                 limits_.give_up_s);
    if (now_s - left->second < limits_.give_up_s) spared.insert(csp);
  }
  return spared;
}

/// False when the outbox failed.
bool Webhooks::tell_account(const Outbox::AccountName& account, LevelSteps& steps) {
  for (; !steps.empty(); steps.pop()) {
    const Event& event = steps.front();
    const auto known = told_.find(account);
    const broker::ToldLevel told = known == told_.end() ? broker::ToldLevel{} : known->second;
    const auto change = broker::level_change(
        told, {event.period, event.limit_octets, event.used_octets, event.exhausted},
        config_->thresholds);
    if (change.told == told) continue;
    Queue& queue = queues_[account.first];
    const auto bodies = webhook_bodies(change, event, random_id);
    // It stays untold, and is told when there is room.
    if (!bodies.empty() && queue.stored + bodies.size() > limits_.messages_max && queue.stored != 0)
      return true;
    if (auto status = outbox_->announce(account, change.told, bodies, clock_.unix_ms() / 1'000);
        !status) {
      note_store(&status.error());
      return false;
    }
    note_store(nullptr);
    told_[account] = change.told;
    queue.stored += bodies.size();
  }
  return true;
}

void Webhooks::send() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (outbox_ == nullptr || config_pending_ || now_ms < store_retry_ms_) return;
  for (auto& [csp, queue] : queues_) {
    if (queue.sending || queue.next_ms > now_ms) continue;
    if (queue.delivered) remove_first(queue);
    if (queue.stored != 0 && !queue.delivered && sender_.has_room()) send_first(csp, queue);
  }
}

void Webhooks::send_first(const std::string& csp, Queue& queue) {
  if (!queue.first) {
    auto first = outbox_->first(csp);
    if (!first) return note_store(&first.error());
    queue.first = std::move(first).value();
    if (!queue.first) {
      queue.stored = 0;
      return;
    }
  }
  const auto* webhook = webhook_of(csp);
  if (webhook == nullptr) return;
  const auto request = webhook_request(*webhook, queue.first->body, clock_.unix_ms() / 1'000);
  queue.sending = request && sender_.start(csp, *request);
  if (!queue.sending) failed(csp, queue, "the request cannot be made");
}

void Webhooks::ended(const SendOutcome& outcome) {
  const auto found = queues_.find(outcome.key);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  queue.sending = false;
  if (!outcome.problem.empty()) return failed(found->first, queue, outcome.problem);
  if (queue.failures != 0) host_.info("webhook of {}: delivered again", found->first);
  queue.failures = 0;
  queue.delivered = true;
  remove_first(queue);
}

void Webhooks::failed(const std::string& csp, Queue& queue, const std::string& problem) {
  ++queue.failures;
  if (queue.failures == 1)
    host_.warning("webhook of {}: {}; it is tried again, at first after a second, then less often",
                  csp, problem);
  queue.next_ms =
      clock_.steady_ms() + broker::retry_delay_ms(limits_.pace, queue.failures, random_number());
  if (clock_.unix_ms() / 1'000 - queue.first->created_s < limits_.give_up_s) return;
  host_.warning("webhook of {}: a message could not be delivered for {} s and is dropped: {}", csp,
                limits_.give_up_s, problem);
  remove_first(queue);
}

/// What `first` was about is done with, now or when the outbox can be written.
void Webhooks::remove_first(Queue& queue) {
  queue.delivered = true;
  if (auto status = outbox_->remove(queue.first->number); !status)
    return note_store(&status.error());
  note_store(nullptr);
  queue.first.reset();
  queue.delivered = false;
  --queue.stored;
}

std::int64_t Webhooks::wait_ms() const {
  const std::int64_t now_ms = clock_.steady_ms();
  if (store_retry_ms_ != 0) return std::max<std::int64_t>(store_retry_ms_ - now_ms, 1);
  std::int64_t wait = long_wait_ms;
  for (const auto& [csp, queue] : queues_)
    if (queue.stored != 0 && !queue.sending && sender_.has_room())
      wait = std::min(wait, std::max<std::int64_t>(queue.next_ms - now_ms, 0));
  return wait;
}

void Webhooks::note_store(const broker::Error* error) {
  if (error != nullptr) store_retry_ms_ = clock_.steady_ms() + limits_.store_retry_ms;
  const std::string text = error == nullptr ? "" : error->message;
  if (text == store_error_) return;
  if (text.empty())
    host_.info("the webhook outbox can be used again");
  else
    host_.error("webhooks: {}; what is to be told waits", text);
  store_error_ = text;
}

}  // namespace plugin
