#include "satellite/runtime/process_runtime.h"

#include <sys/socket.h>

#include <chrono>
#include <map>
#include <optional>
#include <thread>

#include "absl/base/call_once.h"
#include "absl/synchronization/mutex.h"
#include "satellite/shim/fields.h"
#include "shared/base/backoff.h"
#include "shared/base/random.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kSendTimeout = absl::Seconds(5);
constexpr absl::Duration kReconnectFirst = absl::Milliseconds(20);

absl::Status NoLauncher(std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the launcher does not answer: is perigee-launcher running? (", std::string(why), ")"));
}

// One thread reads the connection, hands answers to the calls that wait for them
// and events to the listener, and connects again when the launcher goes.
class ProcessRuntime final : public Runtime {
 public:
  explicit ProcessRuntime(ProcessRuntimeOptions options) : options_(std::move(options)) {}

  ~ProcessRuntime() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      if (connection_ != nullptr) shutdown(connection_->get(), SHUT_RDWR);  // ends the thread's wait
    }
    wakeup_.Notify();
    if (thread_.joinable()) thread_.join();
  }

  void Listen(Listener listener) override {
    {
      absl::MutexLock lock(&listener_mutex_);
      listener_ = std::move(listener);
    }
    Begin();
  }

  absl::StatusOr<Observed> Start(const StartRequest& request) override {
    PERIGEE_RETURN_IF_ERROR(ValidateRun(request));
    PERIGEE_ASSIGN_OR_RETURN(const Record answer, Call(verb::kStart, EncodeRun(request)));
    return DecodeObserved(answer);
  }

  absl::Status Signal(const std::string& id, int signal) override {
    return Call(verb::kSignal, {{"id", id}, {"signal", std::to_string(signal)}}).status();
  }

  absl::Status Stop(const std::string& id) override {
    return Call(verb::kSignal, {{"id", id}, {"stop", "1"}}).status();
  }

  absl::StatusOr<std::vector<Observed>> Adopt() override {
    PERIGEE_ASSIGN_OR_RETURN(const Record answer, Call(verb::kAdopt, {}));
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> replicas, ListField(answer, "replicas"));
    std::vector<Observed> all;
    for (const std::string& bytes : replicas) {
      PERIGEE_ASSIGN_OR_RETURN(const Record record, DecodeRecord(bytes));
      PERIGEE_ASSIGN_OR_RETURN(Observed observed, DecodeObserved(record));
      all.push_back(std::move(observed));
    }
    return all;
  }

  absl::Status Limit(const std::string& id, const LimitChange& change) override {
    Record request{{"id", id}};
    if (change.limits) {
      PutNumber(request, "memory_bytes", change.limits->memory_bytes);
      PutNumber(request, "cpu_millis", change.limits->cpu_millis);
      PutNumber(request, "pids", change.limits->pids);
    }
    if (change.lease) request["lease"] = EncodeLease(*change.lease);
    return Call(verb::kLimit, std::move(request)).status();
  }

  absl::Status Remove(const std::string& id, RemoveMode mode) override {
    Record request{{"id", id}};
    if (mode == RemoveMode::kForce) request["force"] = "1";
    return Call(verb::kRemove, std::move(request)).status();
  }

  void Exec(const std::string& id, const ExecRequest& request, ExecDone done) override {
    if (const absl::Status valid = ValidateExec(request); !valid.ok()) return done(valid);
    Begin();
    ForgetLate();
    Connection connection;
    std::string seq;
    {
      absl::MutexLock lock(&mutex_);
      connection = connection_;
      seq = std::to_string(++last_seq_);
      const auto deadline = std::chrono::steady_clock::now() +
                            absl::ToChronoNanoseconds(request.timeout + options_.call_timeout);
      if (connection != nullptr) later_[seq] = {done, deadline};
    }
    if (connection == nullptr) return done(NoLauncher("not connected"));
    Record record = EncodeExec(request);
    record["verb"] = verb::kExec;
    record["id"] = id;
    record["seq"] = seq;
    const absl::Status sent = SendPacket(connection->get(), EncodeRecord(record), absl::ZeroDuration());
    if (sent.ok() || !TakeLater(seq)) return;
    done(NoLauncher(std::string(sent.message())));
  }

 private:
  // A call that waits for its answer; shared with the thread that brings it.
  struct Pending {
    Wakeup done;
    absl::StatusOr<Record> answer = absl::UnavailableError("no answer yet");
  };
  // One for whose answer nobody waits. Whoever takes it out of later_ ends it.
  struct Later {
    ExecDone done;
    std::chrono::steady_clock::time_point deadline;
  };
  // A connection lives as long as somebody uses its descriptor.
  using Connection = std::shared_ptr<const Fd>;

  // Not before there can be a listener: it must hear of the first connection.
  void Begin() {
    absl::call_once(begun_, [this] { thread_ = std::thread([this] { ReadLoop(); }); });
  }

  void ForgetLate() {
    std::vector<Later> late;
    {
      absl::MutexLock lock(&mutex_);
      const auto now = std::chrono::steady_clock::now();
      for (auto it = later_.begin(); it != later_.end();) {
        if (it->second.deadline > now) {
          ++it;
          continue;
        }
        late.push_back(std::move(it->second));
        it = later_.erase(it);
      }
    }
    for (const Later& call : late) call.done(NoLauncher("no answer in time"));
  }

  // Nothing when it has been ended already.
  std::optional<Later> TakeLater(const std::string& seq) {
    absl::MutexLock lock(&mutex_);
    const auto found = later_.find(seq);
    if (found == later_.end()) return std::nullopt;
    Later later = std::move(found->second);
    later_.erase(found);
    return later;
  }

  static absl::StatusOr<ExecOutcome> OutcomeOf(const Record& answer) {
    PERIGEE_RETURN_IF_ERROR(StatusOfAnswer(answer));
    return DecodeOutcome(answer);
  }

  absl::StatusOr<Record> Call(const std::string& verb, Record request) {
    Begin();
    const auto pending = std::make_shared<Pending>();
    Connection connection;
    std::string seq;
    {
      absl::MutexLock lock(&mutex_);
      connection = connection_;
      seq = std::to_string(++last_seq_);
      if (connection != nullptr) pending_[seq] = pending;
    }
    if (connection == nullptr) return NoLauncher("not connected");
    request["verb"] = verb;
    request["seq"] = seq;
    const absl::Status sent = SendPacket(connection->get(), EncodeRecord(request), kSendTimeout);
    const bool answered = sent.ok() && pending->done.WaitFor(options_.call_timeout);
    {
      absl::MutexLock lock(&mutex_);
      pending_.erase(seq);
    }
    if (absl::IsResourceExhausted(sent)) return sent;
    if (!sent.ok()) return NoLauncher(std::string(sent.message()));
    if (!answered) return NoLauncher("no answer in time");
    return pending->answer;
  }

  void ReadLoop() {
    NameThread("runtime");
    int attempt = 0;
    while (!Stopping()) {
      auto socket = ConnectUnix(options_.runtime_dir + "/" + kLauncherSocket);
      if (!socket.ok()) {
        const BackoffPolicy policy{kReconnectFirst, options_.reconnect_max};
        wakeup_.WaitFor(FullJitter(policy, attempt++, SystemRandom().Fraction()));
        continue;
      }
      attempt = 0;
      const Connection connection = std::make_shared<const Fd>(std::move(*socket));
      SetConnection(connection);
      Tell([](const Listener& listener) {
        if (listener.resync) listener.resync();
      });
      ReadConnection(connection->get());
      SetConnection(nullptr);
      FailPending();
    }
  }

  void ReadConnection(int socket) {
    while (!Stopping()) {
      const auto packet = ReceivePacket(socket, absl::InfiniteDuration());
      if (!packet.ok()) return;
      auto record = DecodeRecord(*packet);
      if (!record.ok()) return;
      Deliver(*std::move(record));
    }
  }

  void Deliver(Record record) {
    if (TextField(record, "event") == "changed") {
      const auto observed = DecodeObserved(record);
      if (!observed.ok()) return;  // of a newer launcher: the agent's own rounds will see it
      Tell([&](const Listener& listener) {
        if (listener.changed) listener.changed(*observed);
      });
      return;
    }
    if (const std::optional<Later> later = TakeLater(TextField(record, "seq"))) {
      return later->done(OutcomeOf(record));
    }
    std::shared_ptr<Pending> pending;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = pending_.find(TextField(record, "seq"));
      if (found == pending_.end()) return;  // too late
      pending = std::move(found->second);
      pending_.erase(found);
    }
    const absl::Status status = StatusOfAnswer(record);
    pending->answer = status.ok() ? absl::StatusOr<Record>(std::move(record)) : status;
    pending->done.Notify();
  }

  void Tell(const std::function<void(const Listener&)>& what) {
    absl::MutexLock lock(&listener_mutex_);
    what(listener_);
  }

  void SetConnection(Connection connection) {
    absl::MutexLock lock(&mutex_);
    connection_ = std::move(connection);
  }

  void FailPending() {
    std::map<std::string, std::shared_ptr<Pending>> failed;
    std::map<std::string, Later> failed_later;
    {
      absl::MutexLock lock(&mutex_);
      failed.swap(pending_);
      failed_later.swap(later_);
    }
    for (const auto& [seq, later] : failed_later) later.done(NoLauncher("it went away before it answered"));
    for (const auto& [seq, pending] : failed) {
      pending->answer = NoLauncher("it went away before it answered");
      pending->done.Notify();
    }
  }

  bool Stopping() {
    absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  const ProcessRuntimeOptions options_;
  Wakeup wakeup_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Connection connection_ ABSL_GUARDED_BY(mutex_);
  int64_t last_seq_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::shared_ptr<Pending>> pending_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Later> later_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex listener_mutex_;
  Listener listener_ ABSL_GUARDED_BY(listener_mutex_);
  absl::once_flag begun_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Runtime> NewProcessRuntime(ProcessRuntimeOptions options) {
  return std::make_unique<ProcessRuntime>(std::move(options));
}

}  // namespace perigee::satellite
