#include "satellite/health/prober.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "shared/base/files.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr size_t kStatusLineBytes = 256;                        // all that is read of an answer
constexpr absl::Duration kExecAnswerMargin = absl::Seconds(5);  // for the way through launcher and shim

std::string Words(int error) {
  return std::string(ErrnoStatus(error, "connect").message());
}

absl::StatusOr<Fd> BeginConnect(const std::string& host, int port) {
  sockaddr_storage address{};
  socklen_t length = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    length = sizeof(*v4);
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    length = sizeof(*v6);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("\"", host, "\" is not an IP address"));
  }
  Fd fd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "socket");
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 && errno != EINPROGRESS) {
    return ErrnoStatus(errno, "connect");
  }
  return fd;
}

// A connection, and for http the request and the first line of the answer.
class SocketAttempt final : public Attempt {
 public:
  SocketAttempt(const Question& question, Fd fd)
      : fd_(std::move(fd)),
        tcp_(question.target.kind == ProbeTarget::Kind::kTcp),
        timeout_(question.timeout) {
    const ProbeTarget& target = question.target;
    const bool v6 = target.host.find(':') != std::string::npos;
    request_ = absl::StrCat("GET ", target.path, " HTTP/1.1\r\nHost: ", v6 ? "[" : "", target.host,
                            v6 ? "]" : "", ":", target.port,
                            "\r\nUser-Agent: perigee-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  }

  int fd() const override { return fd_.get(); }
  short events() const override { return sent_ < request_.size() || !connected_ ? POLLOUT : POLLIN; }

  std::optional<ProbeResult> Advance() override {
    if (!connected_) {
      pollfd ready{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
      if (poll(&ready, 1, 0) <= 0) return std::nullopt;
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return ProbeResult{false, Words(error)};
      connected_ = true;
    }
    if (tcp_) return ProbeResult{true, ""};
    if (auto failed = SendRequest()) return failed;
    return sent_ < request_.size() ? std::nullopt : ReadAnswer();
  }
  absl::Duration Patience() const override { return timeout_; }
  ProbeResult TooLate() const override {
    return {false, absl::StrCat("no answer within ", absl::FormatDuration(timeout_))};
  }

 private:
  std::optional<ProbeResult> SendRequest() {
    while (sent_ < request_.size()) {
      const ssize_t n = send(fd_.get(), request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
      if (n < 0) return ProbeResult{false, std::string(ErrnoStatus(errno, "send").message())};
      sent_ += static_cast<size_t>(n);
    }
    return std::nullopt;
  }

  std::optional<ProbeResult> ReadAnswer() {
    char buffer[kStatusLineBytes];
    while (true) {
      const ssize_t n = recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
      if (n < 0) return ProbeResult{false, std::string(ErrnoStatus(errno, "receive").message())};
      if (n == 0) return ProbeResult{false, "the connection was closed without an answer"};
      answer_.append(buffer, static_cast<size_t>(n));
      if (auto judged = JudgeAnswer()) return judged;
    }
  }

  // "HTTP/1.1 204 No Content": 200 to 399 passes.
  std::optional<ProbeResult> JudgeAnswer() const {
    const size_t end = answer_.find('\n');
    if (end == std::string::npos && answer_.size() < kStatusLineBytes) return std::nullopt;
    int code = 0;
    if (answer_.compare(0, 5, "HTTP/") != 0 || answer_.size() < 12 ||
        !absl::SimpleAtoi(answer_.substr(9, 3), &code)) {
      return ProbeResult{false, "the answer is not HTTP"};
    }
    if (code >= 200 && code < 400) return ProbeResult{true, ""};
    return ProbeResult{false, absl::StrCat("HTTP status ", code)};
  }

  Fd fd_;
  const bool tcp_;
  const absl::Duration timeout_;
  bool connected_ = false;
  std::string request_;
  size_t sent_ = 0;
  std::string answer_;
};

// What a command in a replica came to; the runtime's thread and the prober's share it.
class ExecAnswer {
 public:
  ExecAnswer() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  const Fd& event() const { return event_; }
  void Set(absl::StatusOr<ExecOutcome> outcome) {
    absl::MutexLock lock(&mutex_);
    outcome_ = std::move(outcome);
    const uint64_t one = 1;
    (void)!write(event_.get(), &one, sizeof(one));
  }
  std::optional<absl::StatusOr<ExecOutcome>> Get() {
    absl::MutexLock lock(&mutex_);
    return outcome_;
  }

 private:
  const Fd event_;
  absl::Mutex mutex_;
  std::optional<absl::StatusOr<ExecOutcome>> outcome_ ABSL_GUARDED_BY(mutex_);
};

ProbeResult Unknown(std::string why) {
  return {false, std::move(why), /*unknown=*/true};
}

ProbeResult Judge(const ExecOutcome& outcome, absl::Duration timeout) {
  if (outcome.timed_out) return {false, absl::StrCat("no answer within ", absl::FormatDuration(timeout))};
  const Exit& exit = outcome.exit;
  if (exit.kind == Exit::Kind::kCode && exit.number == 0) return {true, ""};
  if (exit.kind == Exit::Kind::kCode)
    return {false, absl::StrCat("the command ended with code ", exit.number)};
  if (exit.kind == Exit::Kind::kSignal)
    return {false, absl::StrCat("the command was ended by signal ", exit.number)};
  return {false, exit.error};
}

// Only what the command did is a verdict on the replica.
ProbeResult Judge(const absl::StatusOr<ExecOutcome>& outcome, absl::Duration timeout) {
  if (outcome.ok()) return Judge(*outcome, timeout);
  if (absl::IsUnimplemented(outcome.status())) {
    return Unknown(
        "the command cannot be run: the replica was started by a release that could not run probes inside "
        "it, or the "
        "launcher is of one: restart the launcher, then the replica");
  }
  return Unknown(absl::StrCat("the command could not be run: ", outcome.status().message()));
}

// A command inside the replica; its shim ends it when its time has passed.
class ExecAttempt final : public Attempt {
 public:
  ExecAttempt(std::shared_ptr<ExecAnswer> answer, absl::Duration timeout)
      : answer_(std::move(answer)), timeout_(timeout) {}

  int fd() const override { return answer_->event().get(); }
  short events() const override { return POLLIN; }
  std::optional<ProbeResult> Advance() override {
    const auto outcome = answer_->Get();
    return outcome ? std::optional(Judge(*outcome, timeout_)) : std::nullopt;
  }
  // Nobody has said how the command did, so this is no word about the replica.
  absl::Duration Patience() const override { return timeout_ + kExecAnswerMargin; }
  ProbeResult TooLate() const override {
    return Unknown("the launcher did not tell in time how the command did: is it busy or stopped?");
  }

 private:
  const std::shared_ptr<ExecAnswer> answer_;
  const absl::Duration timeout_;
};

absl::StatusOr<std::unique_ptr<Attempt>> BeginExec(const Question& question, Runtime& runtime) {
  const auto answer = std::make_shared<ExecAnswer>();
  if (!answer->event().valid()) return ErrnoStatus(errno, "eventfd");
  const absl::Duration timeout = std::min(question.timeout, kLongestExec);
  runtime.Exec(question.id, {question.target.command, question.target.env, timeout},
               [answer](absl::StatusOr<ExecOutcome> outcome) { answer->Set(std::move(outcome)); });
  return std::make_unique<ExecAttempt>(answer, timeout);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Attempt>> BeginAttempt(const Question& question, Runtime& runtime) {
  const ProbeTarget& target = question.target;
  if (target.kind == ProbeTarget::Kind::kExec) {
    return BeginExec(question, runtime);
  }
  PERIGEE_ASSIGN_OR_RETURN(Fd fd, BeginConnect(target.host, target.port));
  return std::make_unique<SocketAttempt>(question, std::move(fd));
}

}  // namespace perigee::satellite
