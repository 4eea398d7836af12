#include "control-plane/http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/http/address.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kBacklog = 512;
constexpr int kAcceptsAtOnce = 64;
constexpr std::chrono::milliseconds kRest(100);
constexpr size_t kOwn = 2;  // the event and the listening socket stand before the silent ones

absl::StatusOr<Fd> Bind(const addrinfo& where) {
  Fd socket(::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "making a socket");
  const int on = 1;
  const int off = 0;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (where.ai_family == AF_INET6) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(socket.get(), where.ai_addr, where.ai_addrlen) != 0) return ErrnoStatus(errno, "binding");
  if (listen(socket.get(), kBacklog) != 0) return ErrnoStatus(errno, "listening");
  return socket;
}

absl::StatusOr<Fd> BindTo(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen ", address, ": ", gai_strerror(error), "; give an address of this machine"));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  absl::StatusOr<Fd> socket = Bind(*found);
  if (socket.ok()) return socket;
  return Annotate(socket.status(),
                  absl::StrCat("HTTPS on ", address, " port ", port,
                               " (is another program there? choose another with --https-port)"));
}

int PortOf(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(name).sin6_port
                                          : reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    Config config, std::function<void(std::unique_ptr<Connection>)> serve) {
  PERIGEE_ASSIGN_OR_RETURN(Fd socket, BindTo(config.address, config.port));
  const int port = PortOf(socket.get());
  return std::unique_ptr<Listener>(
      new Listener(std::move(config), std::move(serve), std::move(socket), port));
}

Listener::Listener(Config config, std::function<void(std::unique_ptr<Connection>)> serve, Fd socket, int port)
    : config_(std::move(config)),
      serve_(std::move(serve)),
      socket_(std::move(socket)),
      port_(port),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PERIGEE_ASSERT(event_.valid());
  thread_ = std::thread([this] {
    NameThread("https-accept");
    Loop();
  });
}

Listener::~Listener() {
  Stop();
  absl::MutexLock lock(&mutex_);
  PERIGEE_ASSERT(open_.empty());
}

void Listener::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    for (const auto& [socket, address] : open_) shutdown(socket, SHUT_RDWR);
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  socket_ = Fd();  // ends those who still wait to be accepted
}

void Listener::Loop() {
  std::vector<Silent> silent;
  SteadyClock::time_point rest_until = SteadyClock::time_point::min();
  for (;;) {
    const SteadyClock::time_point now = SteadyClock::now();
    const bool resting = now < rest_until;
    std::vector<pollfd> polled = {{event_.get(), POLLIN, 0}, {resting ? -1 : socket_.get(), POLLIN, 0}};
    SteadyClock::time_point until = resting ? rest_until : SteadyClock::time_point::max();
    for (const Silent& waiting : silent) {
      polled.push_back({waiting.connection->socket(), POLLIN, 0});
      until = std::min(until, waiting.until);
    }
    int timeout = -1;
    if (until != SteadyClock::time_point::max()) {
      timeout = static_cast<int>(
          std::max<int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(until - now).count()));
    }
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) {
      Log(Level::kError, "waiting for HTTPS connections failed", {{"error", ErrnoStatus(errno, "poll")}});
      rest_until = SteadyClock::now() + kRest;
    }
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) break;
    }
    HandOver(silent, polled);
    if ((polled[1].revents & POLLIN) != 0 && !AcceptSome(silent)) rest_until = SteadyClock::now() + kRest;
  }
}

void Listener::HandOver(std::vector<Silent>& silent, const std::vector<pollfd>& polled) {
  const SteadyClock::time_point now = SteadyClock::now();
  std::vector<Silent> still;
  for (size_t i = 0; i < silent.size(); ++i) {
    if (polled[i + kOwn].revents != 0) {
      serve_(std::move(silent[i].connection));
    } else if (now < silent[i].until) {
      still.push_back(std::move(silent[i]));
    }
  }
  silent = std::move(still);
}

bool Listener::AcceptSome(std::vector<Silent>& silent) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    Fd socket(
        accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) {
      if (errno == EAGAIN) return true;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (SpareDescriptor::Helps(errno)) spare_.RefuseOne(socket_.get());
      return false;
    }
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::unique_ptr<Connection> connection = Admit(std::move(socket), LimitKey(peer));
    if (connection == nullptr) continue;
    silent.push_back({std::move(connection), SteadyClock::now() + config_.silence});
  }
  return true;
}

std::unique_ptr<Connection> Listener::Admit(Fd socket, std::string address) {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || static_cast<int>(open_.size()) >= config_.connections) return nullptr;
  int& count = by_address_[address];
  if (count >= config_.connections_per_address) return nullptr;
  ++count;
  open_[socket.get()] = address;
  auto release = [this, address](int fd) { Release(fd, address); };
  return std::make_unique<Connection>(std::move(socket), std::move(address), std::move(release));
}

void Listener::Release(int socket, const std::string& address) {
  absl::MutexLock lock(&mutex_);
  open_.erase(socket);
  const auto found = by_address_.find(address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

}  // namespace perigee::control
