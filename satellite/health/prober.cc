#include "satellite/health/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "shared/base/files.h"
#include "shared/base/status.h"

namespace perigee::satellite {
namespace {

constexpr size_t kStatusLineBytes = 256;  // all that is read of an answer

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
  SocketAttempt(const ProbeTarget& target, Fd fd)
      : fd_(std::move(fd)), tcp_(target.kind == ProbeTarget::Kind::kTcp) {
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
  bool connected_ = false;
  std::string request_;
  size_t sent_ = 0;
  std::string answer_;
};

// A command in a process group of its own; the descriptor is its pidfd.
class ExecAttempt final : public Attempt {
 public:
  ExecAttempt(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ~ExecAttempt() override {
    if (reaped_) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  int fd() const override { return pidfd_.get(); }
  short events() const override { return POLLIN; }

  std::optional<ProbeResult> Advance() override {
    int status = 0;
    const pid_t done = waitpid(pid_, &status, WNOHANG);
    if (done == 0 || (done < 0 && errno == EINTR)) return std::nullopt;
    kill(-pid_, SIGKILL);  // what it has left behind
    reaped_ = true;
    if (done < 0) return ProbeResult{false, "the command could not be waited for"};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ProbeResult{true, ""};
    return ProbeResult{false, WIFEXITED(status)
                                  ? absl::StrCat("the command ended with code ", WEXITSTATUS(status))
                                  : absl::StrCat("the command was ended by signal ", WTERMSIG(status))};
  }

 private:
  const pid_t pid_;
  Fd pidfd_;
  bool reaped_ = false;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

absl::StatusOr<std::unique_ptr<Attempt>> BeginExec(const ProbeTarget& target) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  if (!target.working_directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, target.working_directory.c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, target.command[0].c_str(), &actions, &attributes,
                                 Pointers(target.command).data(), Pointers(target.env).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(error, target.command[0]);
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // glibc 2.36 declares it without C linkage
  if (!pidfd.valid()) {
    const int reason = errno;
    ExecAttempt(pid, Fd());  // ends and reaps it
    return ErrnoStatus(reason, "pidfd_open");
  }
  return std::make_unique<ExecAttempt>(pid, std::move(pidfd));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Attempt>> BeginAttempt(const ProbeTarget& target) {
  if (target.kind == ProbeTarget::Kind::kExec) {
    if (target.command.empty()) return absl::InvalidArgumentError("the probe has no command");
    return BeginExec(target);
  }
  PERIGEE_ASSIGN_OR_RETURN(Fd fd, BeginConnect(target.host, target.port));
  return std::make_unique<SocketAttempt>(target, std::move(fd));
}

}  // namespace perigee::satellite
