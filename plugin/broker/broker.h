// The broker of one relay process: starts from what is on disk, serves relay threads, keeps the
// ledger, follows the configuration, answers operators. Owner: the entry (one per process).
// Threads: load, start and stop on the main thread, wake-ups from any; all else on the broker
// thread, which start() makes and stop() joins. Until the thread runs, and after it has ended, the
// main thread stands in for it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "api/api_server.h"
#include "api/broker_desk.h"
#include "api/standing.h"
#include "broker/account_book.h"
#include "broker/announcer.h"
#include "broker/books_walk.h"
#include "broker/config.h"
#include "broker/config_watch.h"
#include "broker/desk.h"
#include "broker/drain.h"
#include "broker/fleet_bus.h"
#include "broker/idle_accounts.h"
#include "broker/ledger_audit.h"
#include "broker/lives_teller.h"
#include "broker/places_book.h"
#include "broker/places_keeper.h"
#include "broker/ports/ledger_books.h"
#include "broker/ports/ledger_link.h"
#include "broker/ports/ledger_store.h"
#include "broker/ports/places_link.h"
#include "broker/record_stream.h"
#include "broker/revocation_reader.h"
#include "broker/settler.h"
#include "broker/state_dir.h"
#include "broker/usage_teller.h"
#include "clock.h"
#include "complaint.h"
#include "config_files.h"
#include "ctl/control.h"
#include "ctl/control_server.h"
#include "fleet/fleet_view.h"
#include "fleet/geo_source.h"
#include "fleet/load_sampler.h"
#include "fleet/registry.h"
#include "host.h"
#include "http/handles.h"
#include "metrics/exchange_meter.h"
#include "metrics/metrics_view.h"
#include "metrics/tally.h"
#include "records/record_writer.h"
#include "redis/client.h"
#include "relay/inbox.h"
#include "relay/relay_side.h"
#include "relay/snapshot.h"
#include "webhook/webhooks.h"

namespace plugin {

class Broker final : public Control, public BrokerDesk {
 public:
  Broker(Host host, const Clock& clock);
  ~Broker() override;

  /// Reads and checks the configuration. Touches nothing else.
  [[nodiscard]] broker::Status load(const std::string& config_file);
  [[nodiscard]] const broker::Config& config() const { return *config_; }

  /// `sink` gets every event. Before start(); it must live until stop() has returned.
  void tell(EventSink& sink) { sinks_.push_back(&sink); }

  /// Opens the ledger, settles what an earlier process left, makes a new meter table, and starts
  /// the broker thread.
  [[nodiscard]] broker::Status start();
  /// Settles everything and ends the thread. Allocations should have been closed before.
  void stop();

  [[nodiscard]] RelaySide& relay_side() { return *relay_side_; }
  [[nodiscard]] SnapshotStore& snapshots() { return snapshots_; }
  /// [any] Reload the configuration soon.
  void request_reload();
  /// [any] The server was told to stop. True: now. False: calls may run out first, and then the host
  /// is asked to stop.
  [[nodiscard]] bool stop_wanted();
  /// [any] How the accounts stand; never null once start() has returned.
  [[nodiscard]] const StandingBoard& board() const { return board_; }
  /// The relays that clients may get: get() any, all else on the broker thread.
  [[nodiscard]] FleetView& fleet() { return fleet_; }
  /// Where the HTTP API serves, such as "http://127.0.0.1:8080". Constant once start() has returned.
  [[nodiscard]] std::vector<std::string> api_urls() const {
    return api_ == nullptr ? std::vector<std::string>{} : api_->urls();
  }

  // BrokerDesk
  [[nodiscard]] bool post(std::function<void(Control&)> work) override;

  // Control: on the broker thread.
  [[nodiscard]] broker::Result<std::vector<AccountStatus>> usage(
      const std::optional<std::string>& csp, bool clients) override;
  [[nodiscard]] std::vector<AllocationStatus> allocations(
      const std::optional<std::string>& csp) override;
  [[nodiscard]] broker::Result<std::uint64_t> cut(const CutTarget& target) override;
  [[nodiscard]] broker::Result<broker::IssuedCredentials> credentials(const std::string& csp,
                                                                      broker::MediaType media,
                                                                      const std::string& client,
                                                                      std::int64_t ttl_s) override;
  [[nodiscard]] broker::Result<std::uint64_t> revoke(const std::string& who,
                                                     const std::string& csp) override;
  [[nodiscard]] broker::Status reload() override;
  [[nodiscard]] BrokerStatus status() override;
  [[nodiscard]] broker::Result<DrainStatus> drain(const DrainRequest& request) override;
  [[nodiscard]] broker::Result<DrainStatus> undrain() override;
  [[nodiscard]] std::vector<RelayView> relays() override { return known_relays(); }
  void ledger_usage(const LedgerQuery& query, Later<LedgerUsage> done) override;
  void check_ledger(const std::string& csp, Later<LedgerCheck> done) override;
  [[nodiscard]] MetricsView metrics() override;

 private:
  // start.cpp
  [[nodiscard]] broker::Status prepare();
  void leave_nothing();
  [[nodiscard]] broker::Status end_incarnation();
  [[nodiscard]] broker::Status remember_life(const broker::Incarnation& who,
                                             const std::vector<broker::UsageReport>& last_reports);
  [[nodiscard]] broker::Status end_lost(const broker::Incarnation& who);
  [[nodiscard]] broker::Status open_state();
  [[nodiscard]] broker::Status settle_earlier();
  [[nodiscard]] broker::Status make_table();
  [[nodiscard]] broker::Status make_events();
  [[nodiscard]] broker::Status start_api();
  void run();
  void finish();

  // ledgers.cpp: the ledger the configuration names
  [[nodiscard]] broker::Status open_ledger();
  [[nodiscard]] broker::Status await_ledger();
  void close_ledger();
  void save_revocations();
  void take_saved(const broker::LedgerStore::Revocation& revocation, const broker::Status& status);
  /// What a relay of a fleet does all the time, and why it cannot.
  [[nodiscard]] std::vector<FleetPart> fleet_parts() const;
  void take_list(std::vector<broker::LedgerStore::Revocation> list, bool all);
  void on_recall(const broker::AccountKey& account);
  void on_exhausted(const broker::AccountKey& account);
  void on_control(const FleetCommand& command);

  // serve.cpp: what relay threads and the clock ask for
  void on_wake();
  void on_tick();
  void on_answer();
  void check_validity();
  void serve_credit();
  void fold_closed();
  void every_second();
  void roll_periods();
  /// Accounts whose period is over, or has not begun since the clock was set back.
  [[nodiscard]] std::vector<Account*> beyond_their_period(broker::UnixSeconds now) const;
  void probe_store();
  void cut_refusing();
  void cut_expired();
  void cut_revoked();

  // admissions.cpp
  void serve_admissions();
  void decide_admissions(std::vector<AdmissionRequest> requests);
  void warm(const std::vector<Account*>& accounts);
  /// A client's account, as far as it was looked for.
  struct ClientLook {
    Account* account = nullptr;
    bool is_done = true;
  };
  [[nodiscard]] bool complete(const AdmissionRequest& request, const ClientLook& look);
  void give_up_waiting(const AdmissionRequest& request);
  [[nodiscard]] bool may_wait_for_place(const Places& places) const;
  [[nodiscard]] ClientLook client_account(const AllocationSlot& slot, Account& account);
  void limit_places(Places& places, const broker::Quota& quota);
  /// Ends allocations whose places may be others' by now.
  void cut_lapsed();

  // configure.cpp
  void apply(std::shared_ptr<const broker::Config> config);
  void apply_quota(Account& account, const broker::Quota& quota);
  void share_client_room();
  [[nodiscard]] bool has_room(const broker::AccountKey& key, const broker::Quota& quota,
                              bool goes_on);
  [[nodiscard]] Account* account_for(const std::string& csp, broker::MediaType media,
                                     const broker::Quota& quota, const std::string& client,
                                     bool goes_on = false);
  /// The account's allocations move to the successor with their next packet. To be followed by
  /// publish().
  void end_period(Account& account, Account* successor);
  void publish();
  void tell_remarks(const broker::Config& config) const;
  void watch_files();
  void on_watch();

  // twin.cpp
  [[nodiscard]] broker::Status claim_id(const std::string& token);
  [[nodiscard]] broker::Status refuse_twin(const std::vector<broker::Incarnation>& open);

  // fleet.cpp
  /// Follows the geographic database; what is wrong with it is logged.
  void follow_geo(const broker::Config& config);
  /// Tells the fleet how this relay does.
  void tell_fleet();
  /// Tells the fleet's subscribers what is relayed, and hands usage records on.
  void tell_usage();
  /// Waits a little for the last of it.
  void finish_telling();
  [[nodiscard]] std::uint64_t live_allocations() const;

  // standing.cpp
  [[nodiscard]] std::string unhealthy() const;
  [[nodiscard]] std::uint64_t standing_shape() const;
  /// Publishes when the accounts stand otherwise than was told, and tells at intervals what they used.
  void tell_standing();
  void tell_used(const Account& account) const;
  void publish_standing();

  // answer.cpp
  void take_revocations();
  void take_revocation(const broker::LedgerStore::Revocation& revocation);

  // ledger_look.cpp
  /// `done` is called later, unless there is an error now.
  [[nodiscard]] broker::Status walk_books(const broker::BooksQuery& query, BooksWalk::Visit visit,
                                          BooksWalk::Done done);
  [[nodiscard]] std::string period_of(const broker::AccountKey& key) const;
  [[nodiscard]] std::optional<std::uint64_t> limit_now(const broker::AccountKey& key) const;
  [[nodiscard]] broker::AuditContext audit_context(const broker::AccountKey& key) const;
  [[nodiscard]] std::vector<broker::Incarnation> alive_relays() const;

  // metrics.cpp
  /// By id, this one among them.
  [[nodiscard]] std::vector<RelayView> known_relays() const;
  void add_quotas(MetricsView& view);
  [[nodiscard]] LedgerMetrics ledger_metrics() const;

  // draining.cpp
  void drain_by_signal();
  /// An error when it is too late to change anything.
  [[nodiscard]] broker::Status check_drain() const;
  [[nodiscard]] DrainStatus drain_status() const;
  void tell_drain();
  void look_at_drain();

  [[nodiscard]] broker::UnixSeconds now_s() const { return clock_.unix_ms() / 1000; }
  [[nodiscard]] const broker::Quota* quota_of(const broker::AccountKey& key) const;

  Host host_;
  const Clock& clock_;
  std::string config_file_;
  std::shared_ptr<const broker::Config> config_;
  std::shared_ptr<const broker::Config> started_config_;  ///< some of it holds until a restart
  using Revocation = broker::LedgerStore::Revocation;
  std::shared_ptr<const Revocations> revocations_ = std::make_shared<Revocations>();
  std::vector<Revocation> known_revocations_;  ///< as the ledger told them
  struct Unsaved {
    Revocation revocation;
    bool on_its_way = false;  ///< to the ledger, or its answer
  };
  std::vector<Unsaved> unsaved_revocations_;  ///< the ledger has not taken them yet
  std::string config_error_;
  broker::UnixSeconds config_loaded_s_ = 0;
  Complaint revocations_read_;
  ConfigWatch watch_{real_config_files()};
  broker::UnixSeconds started_s_ = 0;

  std::unique_ptr<StateDir> state_dir_;
  std::unique_ptr<broker::LedgerStore> store_;  ///< blocks: at start and stop only
  std::unique_ptr<broker::LedgerLink> link_;
  std::optional<EndedLives> ended_lives_;  ///< with a ledger that may forget
  std::unique_ptr<LivesTeller> lives_teller_;
  std::unique_ptr<broker::LedgerBooks> ledger_books_;
  ExchangeMeter exchanges_;
  Tally tally_;
  std::unique_ptr<broker::PlacesLink> places_link_;  ///< of a ledger in Redis
  std::unique_ptr<RecordWriter> records_;
  std::unique_ptr<MeterTable> table_;
  std::unique_ptr<AccountIndex> index_;
  std::unique_ptr<AccountBook> book_;
  PlacesBook places_;
  std::unique_ptr<Settler> settler_;
  std::unique_ptr<IdleAccounts> idle_;
  std::unique_ptr<PlacesKeeper> keeper_;  ///< of places that relays share
  std::vector<EventSink*> sinks_;
  std::unique_ptr<Webhooks> webhooks_;
  std::unique_ptr<Announcer> announcer_;
  SnapshotStore snapshots_;
  std::uint64_t emptied_at_ = 0;  ///< what relay threads had passed when the inbox was emptied last
  Inbox inbox_;
  std::unique_ptr<RelaySide> relay_side_;
  Desk desk_;
  StandingBoard board_;
  FleetView fleet_{clock_};
  LoadSampler load_;
  GeoSource geo_;
  std::uint64_t told_shape_ = 0;  ///< standing_shape() of what was published last
  std::int64_t next_standing_ms_ = 0;
  bool credit_waits_ = true;               ///< some account may lack some
  std::vector<AdmissionRequest> waiting_;  ///< for an answer of the ledger, or a place
  Drain drain_;
  std::uint64_t drain_version_ = 0;  ///< of the snapshot that told relay threads of it
  bool stop_told_ = false;           ///< the host has been asked to stop

  http::EventBaseHandle base_;
  std::unique_ptr<redis::Client> redis_;  ///< of a ledger in Redis; before link_ may be called
  std::unique_ptr<FleetBus> bus_;         ///< alike
  std::unique_ptr<Registry> registry_;    ///< alike
  std::unique_ptr<RevocationReader> revocation_reader_;  ///< alike
  std::unique_ptr<UsageTeller> usage_teller_;            ///< alike
  std::unique_ptr<RecordStream> record_stream_;          ///< alike, unless records_max is 0
  std::int64_t next_usage_ms_ = 0;
  std::vector<std::unique_ptr<BooksWalk>> walks_;  ///< through the ledger's books
  http::EventHandle wake_event_;
  http::EventHandle tick_event_;
  http::EventHandle watch_event_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<ApiServer> api_;  ///< only with an address in [broker.http]
  std::thread thread_;
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> reload_asked_{false};
  std::atomic<bool> drain_asked_{false};  ///< by a signal
  std::int64_t next_second_ms_ = 0;
};

}  // namespace plugin
