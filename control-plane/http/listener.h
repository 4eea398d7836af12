// Accepts connections for the front before any library sees them: bounded in all
// and per address, silent ones held without a thread and dropped in time, and
// still accepting after the process was out of descriptors (CVE-2023-4785's kind).
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "shared/base/files.h"
#include "shared/base/spare_descriptor.h"

namespace perigee::control {

// One accepted, non-blocking socket. Gives its place back when it goes.
class Connection {
 public:
  Connection(Fd socket, std::string address, std::function<void(int)> release)
      : socket_(std::move(socket)), address_(std::move(address)), release_(std::move(release)) {}
  ~Connection() { release_(socket_.get()); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_.get(); }
  const std::string& address() const { return address_; }  // LimitKey

 private:
  Fd socket_;
  const std::string address_;
  const std::function<void(int)> release_;
};

class Listener {
 public:
  struct Config {
    std::string address;  // of an interface, or 0.0.0.0, or ::
    int port = 0;         // 0: a free one
    int connections = 0;
    int connections_per_address = 0;
    std::chrono::milliseconds silence{0};  // until the first byte
  };
  // `serve` is called on the thread "https-accept" with each connection that has something to
  // say; it must not block.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Listener>> Start(
      Config config, std::function<void(std::unique_ptr<Connection>)> serve);
  ~Listener();  // Every connection must be gone before.
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int port() const { return port_; }
  // No more are accepted, and those there are end: reads and writes on them fail. Idempotent.
  void Stop();

 private:
  struct Silent {
    std::unique_ptr<Connection> connection;
    std::chrono::steady_clock::time_point until;
  };
  Listener(Config config, std::function<void(std::unique_ptr<Connection>)> serve, Fd socket, int port);
  void Loop();
  // False when accepting should rest a moment.
  bool AcceptSome(std::vector<Silent>& silent);
  void HandOver(std::vector<Silent>& silent, const std::vector<pollfd>& polled);
  std::unique_ptr<Connection> Admit(Fd socket, std::string address);
  void Release(int socket, const std::string& address);

  const Config config_;
  const std::function<void(std::unique_ptr<Connection>)> serve_;
  Fd socket_;  // of the thread, until Stop
  const int port_;
  SpareDescriptor spare_;
  const Fd event_;  // ends the wait of the thread

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<int, std::string> open_ ABSL_GUARDED_BY(mutex_);  // socket -> address
  absl::flat_hash_map<std::string, int> by_address_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace perigee::control
