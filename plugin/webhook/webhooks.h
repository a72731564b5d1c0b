// Tells the CSPs' own back ends when an account reaches a threshold, is exhausted, or is restored:
// at least once each, in order for each CSP, over restarts and crashes.
// Owner: the broker. Threads: a thread of its own keeps the outbox and sends; start, configure, post and
// stop from one other thread.
//
// Nothing here depends on having seen an event: each standing of an account is compared with what was
// told of it, and the broker tells every standing when it starts.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "api/event.h"
#include "broker/config.h"
#include "broker/level.h"
#include "broker/webhook.h"
#include "clock.h"
#include "host.h"
#include "webhook/level_inbox.h"
#include "webhook/outbox.h"
#include "webhook/sender.h"

namespace plugin {

struct WebhookLimits {
  std::size_t messages_max = 256;  ///< of one CSP that are not delivered; what follows waits untold
  broker::RetryPace pace;
  std::int64_t give_up_s =
      3 * 86'400;  ///< a message that old is dropped when it fails, and what is kept
                   ///< of a CSP so long after its webhook was taken away
  std::int64_t store_retry_ms = 1'000;  ///< after the outbox could not be written
  SenderLimits sender;
};

class Webhooks final : public EventSink {
 public:
  /// The outbox at `path` is made when a CSP has a webhook, now or later. An error when one has and it
  /// cannot be opened; later errors are logged, and it is tried again.
  [[nodiscard]] static broker::Result<std::unique_ptr<Webhooks>> start(
      const Host& host, const Clock& clock, const std::string& path,
      std::shared_ptr<const broker::Config> config, const WebhookLimits& limits = {});
  ~Webhooks() override;
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  /// Before the standings under the new configuration are posted.
  void configure(std::shared_ptr<const broker::Config> config);
  void post(const Event& event) override;
  /// What was posted is in the outbox when it returns; what is being sent is given up, to be sent by
  /// the next start. Takes no longer than the disk.
  void stop();

 private:
  /// One CSP's queue, as far as it is in memory.
  struct Queue {
    std::size_t stored = 0;              ///< messages in the outbox
    std::optional<OutboxMessage> first;  ///< when it has been read
    bool sending = false;
    bool delivered = false;  ///< `first` is, but could not be removed yet
    std::uint32_t failures = 0;
    std::int64_t next_ms = 0;  ///< steady: not before
  };

  Webhooks(const Host& host, const Clock& clock, std::string path, const WebhookLimits& limits);
  [[nodiscard]] broker::Status open();
  void run();
  void take_posted();
  void take_config(std::shared_ptr<const broker::Config> config);
  void tell();
  /// The outbox hears of a new configuration, and of CSPs that are gone for good. False when it failed.
  [[nodiscard]] bool settle_config();
  /// CSPs that have no webhook any more, but not for long enough to be forgotten.
  [[nodiscard]] std::set<std::string> spared(const std::set<std::string>& kept);
  [[nodiscard]] bool tell_account(const Outbox::AccountName& account, LevelSteps& steps);
  void send();
  void send_first(const std::string& csp, Queue& queue);
  void ended(const SendOutcome& outcome);
  void failed(const std::string& csp, Queue& queue, const std::string& problem);
  void remove_first(Queue& queue);
  [[nodiscard]] std::int64_t wait_ms() const;
  [[nodiscard]] const broker::WebhookConfig* webhook_of(const std::string& csp) const;
  void note_store(const broker::Error* error);

  const Host host_;
  const Clock& clock_;
  const std::string path_;
  const WebhookLimits limits_;
  Sender sender_;

  std::mutex mutex_;
  // Guarded by mutex_.
  AccountSteps posted_;
  std::shared_ptr<const broker::Config> new_config_;
  std::set<std::string, std::less<>> hooked_;  ///< CSPs with a webhook
  bool stop_asked_ = false;

  // The thread's own.
  std::shared_ptr<const broker::Config> config_;
  std::unique_ptr<Outbox> outbox_;
  std::map<Outbox::AccountName, broker::ToldLevel> told_;
  AccountSteps waiting_;
  std::map<std::string, Queue> queues_;
  /// CSPs of the outbox without a webhook, and since when (or since the start): one may be back soon.
  std::map<std::string, broker::UnixSeconds> left_s_;
  bool config_pending_ = false;      ///< the outbox does not know of it yet
  std::int64_t store_retry_ms_ = 0;  ///< steady: the outbox failed, not before
  std::string store_error_;

  std::thread thread_;
};

}  // namespace plugin
